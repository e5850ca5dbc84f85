// Package http1 parses HTTP/1.0 and HTTP/1.1.
//
// A parser follows both directions of a connection, each with a stream that
// knows what its next byte is: of a head, or of a body framed in one of the
// ways of RFC 9112 section 6. Bodies are counted and never kept. Requests wait
// in a queue for their responses, which come in the same order.
//
// Where bytes are missing the parser says less, never something it did not see:
// loss.go has the rules.
//
// Source: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
package http1

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// New returns the protocol. h2c takes over the connections that are upgraded to
// HTTP/2, and tunnel those on which a CONNECT succeeded; either may be nil.
func New(c http.Config, h2c http.Upgrade, tunnel proto.Takeover) *proto.Protocol {
	sem := http.New(c)
	return &proto.Protocol{
		Name:     "http1",
		Detect:   detect,
		Duration: http.Duration,
		New: func(c proto.Conn, emit func(*proto.Exchange)) proto.Parser {
			p := newParser(sem, c, emit)
			p.h2c, p.tunnel = h2c, tunnel
			return p
		},
	}
}
