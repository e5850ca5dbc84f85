package http

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// serverRequest adds what the conventions want of a request the process received.
func (s *Semantics) serverRequest(x *Exchange, c *proto.Conn, peer string, h *Head, t target) {
	if scheme := h.scheme(t, c.TLS); scheme != "" {
		x.Add(proto.Str("url.scheme", scheme).Dim())
	}
	if x.Path != "" {
		x.Add(proto.Str("url.path", x.Path))
	}
	if len(t.query) > 0 {
		h.buf = s.appendQuery(h.buf[:0], t.query)
		x.Add(proto.Str("url.query", h.intern.str(h.buf)))
	}
	s.setRoute(x, h, t.path)
	if host, port, ok := hostPort(h.host(t)); ok {
		x.Add(proto.Str("server.address", h.intern.str(host)))
		if port > 0 {
			x.Add(proto.Int("server.port", port))
		}
	}
	client := h.clientAddress()
	if client == "" && !h.Cut {
		client = peer
	}
	if client != "" {
		x.Add(proto.Str("client.address", client))
	}
	if len(h.userAgent) > 0 {
		x.Add(proto.Str("user_agent.original", h.intern.str(h.userAgent)))
	}
}

// setRoute finds the route and names the exchange by it.
func (s *Semantics) setRoute(x *Exchange, h *Head, path []byte) {
	route := s.routes.match(path)
	if route == "" && s.infer && len(path) > 0 && path[0] == '/' {
		h.buf = appendRoute(h.buf[:0], path)
		route, x.inferred = h.intern.str(h.buf), true
	}
	if route == "" {
		return
	}
	x.Add(proto.Str("http.route", route).Dim())
	h.buf = append(h.buf[:0], x.Name...)
	h.buf = append(h.buf, ' ')
	h.buf = append(h.buf, route...)
	x.Name = h.intern.str(h.buf)
}

// dropRoute takes the route back.
func (x *Exchange) dropRoute() {
	x.Attrs = slices.DeleteFunc(x.Attrs, func(a proto.Attr) bool { return a.Key == "http.route" })
	x.Name = x.base
}

// clientRequest adds what the conventions want of a request the process sent.
// Forwarded fields are not for it: they tell of the request it serves.
func (s *Semantics) clientRequest(x *Exchange, c *proto.Conn, peer string, h *Head, t target) {
	h.forwarded, h.forwardedFor, h.forwardedHost, h.forwardedProto = nil, nil, nil, nil
	authority, scheme := h.host(t), h.scheme(t, c.TLS)
	host, port, ok := hostPort(authority)
	address := h.intern.str(host)
	if !ok {
		address, authority = cmp.Or(c.PeerName, peer), nil
		if peer != "" && !h.Cut {
			authority = []byte(netip.AddrPortFrom(c.Remote.Addr().Unmap(), c.Remote.Port()).String())
		}
	}
	if port == 0 {
		port = clientPort(c, scheme, len(t.authority) > 0)
	}
	if address != "" {
		x.Add(proto.Str("server.address", address).Dim())
		x.Add(proto.Int("server.port", port).Dim())
	}
	if len(t.path) > 0 && len(authority) > 0 && scheme != "" {
		h.buf = s.appendURL(h.buf[:0], scheme, t, authority)
		x.Add(proto.Str("url.full", h.intern.str(h.buf)))
	}
}

// clientPort is the port of a request whose authority names none. The socket
// knows it, unless the target is absolute: then the socket leads to a proxy.
func clientPort(c *proto.Conn, scheme string, absolute bool) int64 {
	switch {
	case !absolute && c.Remote.Port() != 0:
		return int64(c.Remote.Port())
	case scheme == "https" || scheme == "wss":
		return 443
	}
	return 80
}
