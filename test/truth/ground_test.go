//go:build linux

package truth

import (
	"net/netip"
	"time"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
	"github.com/edf076de/ebpfreceiver/test/truth/programs"
)

// A ground is what is known of one request: what both programs did, what the
// network did, and what follows for the spans.
type ground struct {
	sent     programs.Sent
	served   programs.Served
	answered bool // the server read the request
	up, down *way
	trace    []emulator.Packet
}

func (l *lab) ground(sent programs.Sent) *ground {
	g := &ground{sent: sent}
	g.served, g.answered = l.answered(sent.Path)
	local, err1 := netip.ParseAddrPort(sent.Local)
	remote, err2 := netip.ParseAddrPort(sent.Remote)
	if err1 == nil && err2 == nil {
		g.trace = l.net.Trace(emulator.Flow{Client: local, Server: remote})
	}
	g.up, g.down = wayOf(g.trace, emulator.Up), wayOf(g.trace, emulator.Down)
	return g
}

// total is how long the client's span is: from its first byte to the last it read.
func (g *ground) total() time.Duration { return g.sent.Response.Last() - g.sent.Request.First() }

// calm reports whether the programs did what they could without much delay. If
// they had to wait for a processor, that is a cause of its own.
func (g *ground) calm() bool {
	atServer := thinking(g) + unreadRequest(g) + max(0, accepting(g))
	atClient := g.down.unread(reads(&g.sent.Response))
	return atServer < 5*ms && atClient < 5*ms+g.total()/20
}

// complete reports whether the request was answered to the last byte.
func (g *ground) complete() bool { return g.answered && g.sent.Err == "" }

// connecting returns how long the handshake took, from the first SYN sent to
// the answer that arrived.
func (g *ground) connecting() time.Duration {
	var begin time.Duration
	for _, p := range g.trace {
		switch {
		case p.Dir == emulator.Up && p.SYN && begin == 0:
			begin = p.At
		case p.Dir == emulator.Down && p.SYN && !p.Dropped():
			return p.Out - begin
		}
	}
	return 0
}

// established returns when the server had the last packet of the handshake. If
// it did not take that one, the first bytes were the last packet.
func (g *ground) established() time.Duration {
	if g.up.passed > 0 {
		return g.up.arrival(1)
	}
	for _, p := range g.up.delivered(emulator.Up) {
		if !p.SYN && p.ACK {
			return p.Out
		}
	}
	return 0
}

func reads(m *programs.Message) *reading {
	r := &reading{from: m.From, to: m.To}
	upto := m.From
	for _, s := range m.Steps {
		upto += uint64(s.N)
		r.reads = append(r.reads, mark{s.Done, upto})
	}
	return r
}

// writing is how long a program was kept in its calls that sent a message.
func writing(m *programs.Message) (sum time.Duration) {
	for _, s := range m.Steps {
		sum += s.Done - s.At
	}
	return sum
}
