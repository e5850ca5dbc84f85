package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// calls makes those of each list of its input at once, one list after the other.
func calls(addr string, certificate []string) error {
	c := insecure.NewCredentials()
	if len(certificate) == 1 {
		var err error
		if c, err = credentials.NewClientTLSFromFile(certificate[0], "localhost"); err != nil {
			return err
		}
	}
	conn, err := grpc.NewClient("passthrough:"+addr, grpc.WithTransportCredentials(c),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})), grpc.WithMaxHeaderListSize(1<<20))
	if err != nil {
		return err
	}
	var lists [][]call
	if err := json.NewDecoder(os.Stdin).Decode(&lists); err != nil {
		return err
	}
	var done records
	for _, list := range lists {
		var wg sync.WaitGroup
		for _, c := range list {
			wg.Go(func() { done.add(c.make(conn)) })
		}
		wg.Wait()
	}
	if err := conn.Close(); err != nil {
		return err
	}
	return done.print()
}

// make makes one call.
func (c call) make(conn *grpc.ClientConn) record {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if c.Deadline > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.Deadline)*time.Millisecond)
		defer cancel()
	}
	if c.Metadata > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-large", strings.Repeat("m", c.Metadata))
	}
	r := record{Method: c.Method}
	r.begin()
	if c.Cancel > 0 {
		time.AfterFunc(time.Duration(c.Cancel)*time.Millisecond, cancel)
	}
	r.end(c.run(ctx, conn, &r))
	return r
}

func (c call) run(ctx context.Context, conn *grpc.ClientConn, r *record) error {
	method := "/test.Echo/" + c.Method
	if c.Kind == "unary" {
		var reply []byte
		m := c.message(0)
		r.Sent++
		err := conn.Invoke(ctx, method, &m, &reply)
		if err == nil {
			r.Received++
		}
		return err
	}
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{
		ClientStreams: c.Kind != "server", ServerStreams: c.Kind != "client",
	}, method)
	if err != nil {
		return err
	}
	for i := range c.Send {
		m := c.message(i)
		if err := s.SendMsg(&m); err != nil {
			break // what is wrong, RecvMsg says
		}
		r.Sent++
		if c.Plan.Turns {
			if err := receive(s, r); err != nil {
				return err
			}
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	for {
		if err := receive(s, r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if c.Kind == "client" {
			return nil // RecvMsg has waited for the status
		}
	}
}

func receive(s grpc.ClientStream, r *record) error {
	var m []byte
	err := s.RecvMsg(&m)
	if err == nil {
		r.Received++
	}
	return err
}

// message is the i-th message: the first one tells the server what to do.
func (c call) message(i int) []byte {
	if i > 0 {
		return make([]byte, c.Size)
	}
	c.Plan.Pad = strings.Repeat("p", c.Size)
	m, err := json.Marshal(c.Plan)
	if err != nil {
		panic(err) // a plan holds nothing that cannot be written
	}
	return m
}
