package grpc

import (
	"strings"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// Finish makes x, the finished exchange of a stream, one of a call: what HTTP
// says of it gives way to what RPC does.
func (s *Semantics) Finish(c *Call, x *http.Exchange, o Outcome) {
	s.keep(x)
	x.Add(proto.Str("rpc.system.name", "grpc").Dim())
	code := c.code(&o)
	x.Name = "grpc"
	if method := strings.TrimPrefix(x.Path, "/"); method != "" {
		x.Name = setMethod(x, method, code)
	}
	if !isConnection(x.Err) {
		if code != none || !o.Reset {
			x.Err = ""
		}
	}
	if code != none {
		x.Add(proto.Str("rpc.response.status_code", name(code)).Dim())
		if x.Err == "" && isError(code, x.Side) {
			x.Err = name(code)
		}
	}
	c.count(x)
	x.Duration = &Duration[x.Side]
}

// setMethod adds the method and returns the name of the span. To a server that
// does not know it, it is whatever somebody asked for: no dimension, no name.
func setMethod(x *http.Exchange, method string, code int) string {
	if code == unimplemented && x.Side == proto.Server {
		x.Add(proto.Str("rpc.method", "_OTHER").Dim())
		x.Add(proto.Str("rpc.method_original", method))
		return "grpc"
	}
	x.Add(proto.Str("rpc.method", method).Dim())
	return method
}

// isConnection reports whether an error is the end of the connection.
func isConnection(err string) bool {
	return err == proto.ReasonClosed || err == proto.ReasonReset || err == proto.ReasonTimeout
}

// keep drops the attributes that only HTTP has.
func (s *Semantics) keep(x *http.Exchange) {
	kept := x.Attrs[:0]
	for _, a := range x.Attrs {
		switch {
		case a.Key == "server.address", a.Key == "server.port":
			kept = append(kept, a)
		case s.keys[a.Key] != "":
			a.Key = s.keys[a.Key]
			kept = append(kept, a)
		}
	}
	clear(x.Attrs[len(kept):])
	x.Attrs = kept
}

// count adds how many messages there were, where all were seen.
func (c *Call) count(x *http.Exchange) {
	for side, key := range [...]string{
		proto.Client: "ebpf.grpc.request.messages", proto.Server: "ebpf.grpc.response.messages",
	} {
		if m := &c.messages[side]; !m.lost && (c.kind == native || c.kind == web) {
			x.Add(proto.Int(key, m.count))
		}
	}
}
