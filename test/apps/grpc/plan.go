// Command grpc is a server and a client of gRPC that write down what they did,
// as the ground truth for spans. It is a module of its own: the receiver needs
// no gRPC.
//
//	grpc server address [certificate key]
//	grpc client address [certificate]   makes the calls its input lists
//	grpc h2c address                    a server of HTTP/2 without TLS, by upgrade too
//
// The server answers any method. The first message of a call says how; both ends
// print JSON when they are done, the server when its input ends.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/status"
)

// A call is one that a client is to make.
type call struct {
	Method   string // of the service test.Echo
	Kind     string // unary, server, client or bidi, by who streams
	Send     int    // messages
	Size     int    // of each, in bytes; the first also says the rest
	Deadline int    // milliseconds
	Cancel   int    // milliseconds after which the client cancels
	Metadata int    // bytes of metadata
	Plan     plan
}

// A plan is what the server does, once it has all messages of the client or, in
// turns, behind each.
type plan struct {
	Receive int // messages it sends
	Size    int // of each
	Sleep   int // milliseconds before each, or before the status
	Status  int
	Turns   bool
	Pad     string `json:",omitempty"`
}

// A record is what an end knows of a call it made or served.
type record struct {
	Method         string
	Status         string
	Start          int64 // Unix time, nanoseconds
	Duration       int64 // nanoseconds
	Sent, Received int   // messages
}

func (r *record) begin() { r.Start = time.Now().UnixNano() }
func (r *record) end(err error) {
	r.Duration = time.Now().UnixNano() - r.Start
	r.Status = name(err)
}

// name is a status as the specification of gRPC writes it.
func name(err error) string {
	if status.Code(err).String() == "OK" {
		return "OK"
	}
	var b strings.Builder
	for i, c := range strings.Replace(status.Code(err).String(), "Canceled", "Cancelled", 1) {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToUpper(b.String())
}

// records are those of all calls.
type records struct {
	mu  sync.Mutex
	all []record
}

func (r *records) add(one record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

func (r *records) print() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return json.NewEncoder(os.Stdout).Encode(r.all)
}

func main() {
	var err error
	switch os.Args[1] {
	case "server":
		err = serve(os.Args[2], os.Args[3:])
	case "h2c":
		err = serveH2C(os.Args[2])
	case "client":
		err = calls(os.Args[2], os.Args[3:])
	default:
		err = fmt.Errorf("no %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// raw is a codec of messages that are bytes already.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "raw" }
