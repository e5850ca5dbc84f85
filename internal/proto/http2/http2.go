// Package http2 parses HTTP/2, and gRPC over it.
//
// A parser follows both directions of a connection, each with a side that knows
// its place among the frames and the dynamic table of its header blocks. Frames
// of DATA are counted and never kept. Each stream the client opens is an
// exchange, from the first byte of its HEADERS to the END_STREAM of both
// directions, or to what ended it before: a reset, a GOAWAY, the end of the
// connection. (A call of gRPC ends with the END_STREAM of its response.)
//
// The client's header blocks are requests and trailers, the server's are
// responses. A response that the server pushed is no exchange: nobody asked.
//
// Where bytes are missing the parser says less, never something it did not see:
// loss.go has the rules, search.go how it finds its place again.
//
// Source: RFC 9113 (HTTP/2), RFC 7541 (HPACK), RFC 7540 section 3.2 (h2c).
package http2

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/grpc"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// New returns the protocol, and what takes a connection over that HTTP/1.1
// upgraded to it.
func New(c http.Config) (*proto.Protocol, http.Upgrade) {
	shared := &shared{sem: http.New(c), calls: grpc.New(c)}
	shared.readers.New = func() any { return new(reader) }
	shared.free.New = func() any { return new(stream) }
	protocol := &proto.Protocol{
		Name:     "http2",
		Detect:   detect,
		Duration: http.Duration,
		Frames:   true,
		New: func(c proto.Conn, emit func(*proto.Exchange)) proto.Parser {
			return newParser(shared, c, emit)
		},
	}
	upgrade := func(c proto.Conn, x *http.Exchange, emit func(*proto.Exchange)) *proto.Become {
		p := newParser(shared, c, emit)
		p.upgraded(x)
		return &proto.Become{Protocol: protocol, Next: p}
	}
	return protocol, upgrade
}
