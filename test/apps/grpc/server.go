package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

func serve(addr string, certificate []string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	var done records
	options := []grpc.ServerOption{
		grpc.ForceServerCodec(raw{}), grpc.MaxHeaderListSize(1 << 20),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error { return answer(s, &done) }),
	}
	if len(certificate) == 2 {
		c, err := credentials.NewServerTLSFromFile(certificate[0], certificate[1])
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(c))
	}
	s := grpc.NewServer(options...)
	go func() { _ = s.Serve(ln) }()
	fmt.Println(ln.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Stop()
	return done.print()
}

func answer(s grpc.ServerStream, done *records) (err error) {
	method, _ := grpc.MethodFromServerStream(s)
	r := record{Method: strings.TrimPrefix(method, "/test.Echo/")}
	r.begin()
	defer func() {
		r.end(err)
		done.add(r)
	}()
	var p plan
	for {
		var m []byte
		if err := s.RecvMsg(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if r.Received++; r.Received == 1 {
			if err := json.Unmarshal(m, &p); err != nil {
				return err
			}
		}
		if p.Turns {
			if err := p.send(s, &r); err != nil {
				return err
			}
		}
	}
	for range p.Receive {
		if err := p.send(s, &r); err != nil {
			return err
		}
	}
	if p.Receive == 0 && !p.Turns {
		if err := p.wait(s); err != nil {
			return err
		}
	}
	if p.Status != 0 {
		return status.Error(codes.Code(p.Status), "as asked")
	}
	return nil
}

func (p plan) send(s grpc.ServerStream, r *record) error {
	if err := p.wait(s); err != nil {
		return err
	}
	m := make([]byte, p.Size)
	if err := s.SendMsg(&m); err != nil {
		return err
	}
	r.Sent++
	return nil
}

func (p plan) wait(s grpc.ServerStream) error {
	select {
	case <-time.After(time.Duration(p.Sleep) * time.Millisecond):
		return nil
	case <-s.Context().Done():
		return status.FromContextError(s.Context().Err()).Err()
	}
}
