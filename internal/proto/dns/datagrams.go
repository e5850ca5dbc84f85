package dns

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// GiveUp is how long a question sent by UDP waits for its answer. glibc, Go and
// c-ares wait five seconds by default: an answer after twice that is nobody's.
const GiveUp = 10 * time.Second

// A Datagram is one message that a process sent or received.
type Datagram struct {
	Origin  // Remote is not valid where the kernel did not know it
	Process uint32
	Sent    bool
	Closed  bool          // no datagram: the socket was closed
	Time    time.Duration // since boot (CLOCK_MONOTONIC)
	Thread  uint32
	Bytes   []byte // the front of it; empty when it could not be read
	Size    int
	Lost    uint32 // how many were lost before it, of any process
}

// Datagrams turns datagrams into exchanges. One goroutine uses it.
type Datagrams struct {
	table   table
	message message
	lost    map[string]uint64
	n       uint64
	missed  uint32 // Lost of the last datagram
}

// NewDatagrams returns a Datagrams of at most max questions that wait. emit
// takes every exchange; it and its origin are valid during the call.
func NewDatagrams(max int, emit func(*Origin, *proto.Exchange)) *Datagrams {
	d := &Datagrams{lost: make(map[string]uint64)}
	d.table = table{transport: "udp", resends: true, max: max, emit: func(o *Origin, x *proto.Exchange) {
		d.n++
		emit(o, x)
	}}
	return d
}

// Take handles one datagram. Those of a process must come in their order.
func (d *Datagrams) Take(g *Datagram) {
	d.Expire(g.Time)
	if g.Lost != d.missed {
		d.missed = g.Lost
		d.table.doubt()
	}
	switch {
	case g.Closed:
		d.closed(g)
	case len(g.Bytes) == 0:
		d.unread(g)
	default:
		d.take(g)
	}
}

func (d *Datagrams) take(g *Datagram) {
	m := &d.message
	if err := m.read(g.Bytes, len(g.Bytes) < g.Size); err != nil {
		d.lost["parse_error"]++
		return
	}
	// Who sends the question is the client, whatever the ports are.
	k := key{process: g.Process, id: m.id, side: proto.Server}
	if g.Sent != m.response {
		k.side = proto.Client
	}
	if m.response {
		d.table.answer(m, k, &g.Origin, g.Time)
		return
	}
	if d.table.ask(m, k, &g.Origin, g.Time, g.Thread) {
		d.lost["lookup_table_full"]++
	}
}

// closed ends the lookups of a socket: nobody will read or send their answers.
func (d *Datagrams) closed(g *Datagram) {
	d.table.each(func(l *lookup) bool { return l.process == g.Process && l.origin.Socket == g.Socket }, func(l *lookup) {
		d.table.unanswered(l, g.Time, errTimeout, 0)
	})
}

// unread doubts the lookups that a datagram nobody could read may have answered.
func (d *Datagrams) unread(g *Datagram) {
	side := proto.Client
	if g.Sent {
		side = proto.Server
	}
	d.table.each(func(l *lookup) bool {
		return l.process == g.Process && l.side == side && l.origin.Socket == g.Socket
	}, func(l *lookup) { l.doubtful = true })
}

// Expire ends the lookups that have waited too long at the time now.
func (d *Datagrams) Expire(now time.Duration) {
	for l := d.table.oldest; l != nil && l.start+GiveUp <= now; l = d.table.oldest {
		d.table.unanswered(l, l.start+GiveUp, errTimeout, proto.UnknownEnd)
	}
}

// Exited ends the lookups of a process that has exited.
func (d *Datagrams) Exited(process uint32, at time.Duration) {
	d.table.each(func(l *lookup) bool { return l.process == process }, func(l *lookup) {
		d.table.unanswered(l, at, errTimeout, proto.UnknownEnd)
	})
}

// Len is how many questions wait.
func (d *Datagrams) Len() int { return d.table.n }

// Exchanges is how many exchanges were emitted.
func (d *Datagrams) Exchanges() uint64 { return d.n }

// Lost returns what was not understood, by reason.
func (d *Datagrams) Lost() map[string]uint64 { return d.lost }
