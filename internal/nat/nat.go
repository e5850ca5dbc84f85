// Package nat asks the kernel's connection tracking for the addresses behind a
// translation (NAT).
//
// A socket knows one pair of addresses: its own, and the one its program asked
// for or its packets come from. Where the kernel translates on the way, the end
// beyond the translation has another pair. The connection tracking holds both as
// two tuples: the original one as the first packet was sent, and the reply one
// as answers are sent.
//
//	client 10.0.0.1:4711 asks for 10.9.9.9:80, which is 10.0.0.2:8080
//	original  10.0.0.1:4711 → 10.9.9.9:80
//	reply     10.0.0.2:8080 → 10.0.0.1:4711
//
// A socket sends packets of one of them: that of the process that connected is
// the original, that of the process that accepted is the reply. What the other
// tuple says, turned round, is the connection beyond the translation. So nobody
// has to know who connected.
package nat

import "net/netip"

// A Translation is a connection's addresses beyond a translation. What is the
// same as at the socket, or not known, is invalid.
//
// At the process that connected Remote is where its packets really go, and Local
// what they are sent as. At the one that accepted Local is what the client asked
// for, and Remote who the client was before its address was replaced.
type Translation struct {
	Local, Remote netip.AddrPort
}

// A tuple is the addresses of the packets of one direction.
type tuple struct{ from, to netip.AddrPort }

// An entry is what the connection tracking holds of a connection.
type entry struct{ original, reply tuple }

// beyond returns what lies beyond the translation, for the socket whose packets
// are sent. It reports false when the entry is of another connection.
func (e *entry) beyond(sent tuple) (Translation, bool) {
	var received tuple
	switch sent {
	case e.original:
		received = e.reply
	case e.reply:
		received = e.original
	default:
		return Translation{}, false
	}
	return Translation{
		Local:  unless(sent.from, received.to),
		Remote: unless(sent.to, received.from),
	}, true
}

// unless returns a, or nothing when it is the same as known.
func unless(known, a netip.AddrPort) netip.AddrPort {
	if a == known {
		return netip.AddrPort{}
	}
	return a
}

// unmapped is an address as the packets have it: those of an IPv6 socket with an
// IPv4 peer are IPv4.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
