// Package grpc reads gRPC out of the streams of HTTP/2: what a call is, how many
// messages it had, and how it ended. A Call gathers what its stream shows;
// Finish makes the exchange of the stream one of a call.
//
// The status of a call is what was sent: in the trailers, in a response of
// trailers only, or in the last message of gRPC-Web. Where a call ends without,
// it is the one the protocol makes of the reset's code or of the HTTP status,
// which every library reports. In all other cases it is unknown.
//
// Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md,
// PROTOCOL-WEB.md, http-grpc-status-mapping.md;
// https://opentelemetry.io/docs/specs/semconv/rpc/ (1.43.0).
package grpc

import (
	"strings"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// bounds are the buckets the conventions advise for both histograms.
//
// Source: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/
var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// Duration is the histogram of durations by the side the process is on.
var Duration = [2]proto.Metric{
	proto.Client: {
		Name:        "rpc.client.call.duration",
		Description: "Measures the duration of an outgoing Remote Procedure Call (RPC).",
		Bounds:      bounds,
	},
	proto.Server: {
		Name:        "rpc.server.call.duration",
		Description: "Measures the duration of an incoming Remote Procedure Call (RPC).",
		Bounds:      bounds,
	},
}

// Semantics is a configuration made ready. Parsers of all lanes share it: it
// does not change.
type Semantics struct {
	keys map[string]string // of metadata, by that of a header
}

// New prepares c: the headers it asks for are the metadata of calls.
func New(c http.Config) *Semantics {
	s := &Semantics{keys: make(map[string]string)}
	for _, name := range c.RequestHeaders {
		name = strings.ToLower(name)
		s.keys["http.request.header."+name] = "rpc.request.metadata." + name
	}
	for _, name := range c.ResponseHeaders {
		name = strings.ToLower(name)
		s.keys["http.response.header."+name] = "rpc.response.metadata." + name
	}
	return s
}
