package http

import (
	"strconv"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// An Exchange is one being built: a request that waits for its response. It
// comes from a pool, because open requests are few and idle connections many.
type Exchange struct {
	proto.Exchange

	Method string // as it was sent; empty when unknown
	Path   string // of the target; empty when unknown or when there is none

	// The sizes of the bodies; negative when unknown or when there is none.
	RequestSize, ResponseSize int64

	base     string   // the name without a route
	inferred bool     // the route is a guess
	strings  []string // behind the lists of Attrs
}

// Open begins an exchange with the head of its request. peer is the remote
// address of c as text.
func (s *Semantics) Open(c *proto.Conn, peer string, h *Head) *Exchange {
	x := s.exchanges.Get().(*Exchange)
	x.Side = c.Side
	x.RequestSize, x.ResponseSize = -1, -1
	x.Parent = h.parent()
	s.setMethod(x, h)
	// The target of a CONNECT is an authority, which HTTP/2 has a field for.
	t := splitTarget(h.Target, x.Method == "CONNECT" && h.Version != "2")
	x.Path = h.intern.str(t.path)
	if c.Side == proto.Server {
		s.serverRequest(x, c, peer, h, t)
	} else {
		s.clientRequest(x, c, peer, h, t)
	}
	x.Add(proto.Str("network.protocol.version", h.Version).Dim())
	x.addHeaders(h)
	return x
}

func (s *Semantics) setMethod(x *Exchange, h *Head) {
	if len(h.Method) == 0 {
		x.base, x.Name = "HTTP", "HTTP"
		return
	}
	if m, ok := s.methods[string(h.Method)]; ok {
		x.Method, x.base, x.Name = m, m, m
		x.Add(proto.Str("http.request.method", m).Dim())
		return
	}
	x.Method, x.base, x.Name = h.intern.str(h.Method), "HTTP", "HTTP"
	x.Add(proto.Str("http.request.method", "_OTHER").Dim())
	x.Add(proto.Str("http.request.method_original", x.Method))
}

// Answer adds the head of the response; h is nil when only its status is known,
// and status zero when that is not.
func (s *Semantics) Answer(x *Exchange, h *Head, status int) {
	if status > 0 {
		x.Add(proto.Int("http.response.status_code", int64(status)).Dim())
	}
	if x.inferred && status == 404 {
		x.dropRoute() // a path nobody serves has no route
	}
	if status >= 500 || status >= 400 && x.Side == proto.Client {
		x.Err = statusText[status]
	}
	if h != nil {
		x.addHeaders(h)
	}
}

// statusText are the values of error.type.
var statusText = func() (t [1000]string) {
	for i := 400; i < len(t); i++ {
		t[i] = strconv.Itoa(i)
	}
	return t
}()

// Upgraded sets the version the connection was upgraded to.
func (x *Exchange) Upgraded(version string) {
	for i := range x.Attrs {
		if x.Attrs[i].Key == "network.protocol.version" {
			x.Attrs[i].Str = version
		}
	}
}

// Finish adds what is known when an exchange ends.
func (x *Exchange) Finish() {
	if x.RequestSize >= 0 {
		x.Add(proto.Int("http.request.body.size", x.RequestSize))
	}
	if x.ResponseSize >= 0 {
		x.Add(proto.Int("http.response.body.size", x.ResponseSize))
	}
}

// Free gives x back after it was emitted.
func (s *Semantics) Free(x *Exchange) {
	attrs, strings := x.Attrs, x.strings
	clear(attrs)
	clear(strings)
	*x = Exchange{strings: strings[:0]}
	x.Attrs = attrs[:0]
	s.exchanges.Put(x)
}

// Add adds an attribute.
func (x *Exchange) Add(a proto.Attr) { x.Attrs = append(x.Attrs, a) }

// addHeaders adds the captured headers, each with all its values.
func (x *Exchange) addHeaders(h *Head) {
	if len(h.captured) == 0 {
		return
	}
	for i, header := range h.fields.headers {
		from := len(x.strings)
		for _, f := range h.captured {
			if f.header == i {
				x.strings = append(x.strings, h.intern.str(f.value))
			}
		}
		if to := len(x.strings); to > from {
			x.Add(proto.List(header.key, x.strings[from:to:to]))
		}
	}
}
