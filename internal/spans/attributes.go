package spans

import (
	"net/netip"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// describe puts the attributes of the exchange, then those every protocol has.
// The local address and the transport are opt-in by the conventions and left out.
func (b *Builder) describe(m pcommon.Map, c *conn.Conn, x *proto.Exchange, more int) {
	b.handshake = b.handshake[:0]
	if c.TLS != nil {
		b.handshake = c.TLS.Attrs(b.handshake)
	}
	m.EnsureCapacity(count(c, x) + len(b.handshake) + more)
	for i := range x.Attrs {
		b.put(m, &x.Attrs[i])
	}
	for i := range b.handshake {
		b.put(m, &b.handshake[i])
	}
	putServerName(m, c, x)
	b.putPeer(m, c.Remote)
	b.putTranslated(m, c)
	if x.Err != "" {
		m.PutStr("error.type", valid(x.Err))
	}
	if x.Capture != 0 {
		putIncomplete(m, x.Capture)
	}
}

// count returns how many attributes the span of x may have: its own, the peer's
// two, those of a translation and those of a flawed exchange.
func count(c *conn.Conn, x *proto.Exchange) int {
	n := len(x.Attrs) + 2
	if c.TLS != nil {
		n++ // server.address
	}
	if translated(c) {
		n += 4
	}
	if x.Err != "" {
		n++
	}
	if x.Capture != 0 {
		n++
	}
	return n
}

// putServerName puts whom the client asked for in the handshake, when the request
// does not say whom it asks.
func putServerName(m pcommon.Map, c *conn.Conn, x *proto.Exchange) {
	const key = "server.address"
	said := func(a proto.Attr) bool { return a.Key == key }
	if c.TLS != nil && c.TLS.ServerName != "" && !slices.ContainsFunc(x.Attrs, said) {
		m.PutStr(key, valid(c.TLS.ServerName))
	}
}

func (b *Builder) put(m pcommon.Map, a *proto.Attr) {
	switch a.Kind {
	case proto.KindStr:
		m.PutStr(a.Key, valid(a.Str))
	case proto.KindInt:
		m.PutInt(a.Key, a.Int)
	case proto.KindBool:
		m.PutBool(a.Key, a.Int != 0)
	case proto.KindList:
		list := m.PutEmptySlice(a.Key)
		list.EnsureCapacity(len(a.List))
		for _, v := range a.List {
			list.AppendEmpty().SetStr(valid(v))
		}
	}
}

// putPeer puts the address at the other end of the socket. An IPv4 peer of an
// IPv6 socket is an IPv4 peer.
func (b *Builder) putPeer(m pcommon.Map, peer netip.AddrPort) {
	if !peer.IsValid() {
		return
	}
	m.PutStr("network.peer.address", b.addresses.text(peer.Addr().Unmap()))
	m.PutInt("network.peer.port", int64(peer.Port()))
}

// putTranslated puts the addresses beyond a translation (NAT): what the peer's
// really is, and what ours is to the peer. There is no convention for them; that
// of network.peer.* is the socket's.
func (b *Builder) putTranslated(m pcommon.Map, c *conn.Conn) {
	if a := c.TranslatedRemote; a.IsValid() {
		m.PutStr("ebpf.nat.peer.address", b.addresses.text(a.Addr()))
		m.PutInt("ebpf.nat.peer.port", int64(a.Port()))
	}
	if a := c.TranslatedLocal; a.IsValid() {
		m.PutStr("ebpf.nat.local.address", b.addresses.text(a.Addr()))
		m.PutInt("ebpf.nat.local.port", int64(a.Port()))
	}
}

func translated(c *conn.Conn) bool {
	return c.TranslatedLocal.IsValid() || c.TranslatedRemote.IsValid()
}

// flaws are the values of ebpf.capture.incomplete. The attribute is this
// receiver's own; it is absent when everything was seen.
var flaws = []struct {
	bit  proto.Capture
	name string
}{
	{proto.CutHead, "head_cut"},
	{proto.Gap, "gap"},
	{proto.NoResponse, "response_lost"},
	{proto.UnknownEnd, "end_unknown"},
	{proto.UnknownTable, "header_table_unknown"},
}

func putIncomplete(m pcommon.Map, c proto.Capture) {
	list := m.PutEmptySlice("ebpf.capture.incomplete")
	for _, f := range flaws {
		if c&f.bit != 0 {
			list.AppendEmpty().SetStr(f.name)
		}
	}
}
