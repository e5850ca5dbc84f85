package conn

import (
	"slices"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/event"
)

// recent is how many connections that ended are remembered for plaintext told of later.
const recent = 64

// board puts plaintext on the connection that carries it. That one may have ended
// already: its program had not heard yet. Or it gave way in a full table, and its
// handshake is not known.
func (t *Tracker) board(c *tracked) {
	t.carried[c.Carrier] = append(t.carried[c.Carrier], c)
	switch {
	case t.reveal(c.Carrier) != nil:
	case slices.Contains(t.ended[:], c.Carrier):
		c.leaving, t.holding[c] = true, time.Time{}
	default:
		t.lose("carrier_unknown", "connection")
	}
}

// learn takes what the handshake of the carrier said. It may not be known yet when
// the first plaintext comes.
func (t *Tracker) learn(c *tracked) {
	if carrier := t.conns[c.Carrier]; c.TLS == nil && carrier != nil {
		c.TLS = carrier.TLS
	}
}

// closeCarried applies a close to the plaintext that travels on its connection.
// How long its streams are no socket knows: they end where they are when nothing
// more can be read.
func (t *Tracker) closeCarried(e *event.Event) {
	for _, c := range slices.Clone(t.carried[e.Conn]) {
		t.retry(c, e.Flags&event.Gone != 0)
		if c.dead {
			continue
		}
		c.meter.kernel(&e.Meter)
		c.acked = e.Acked
		t.acked(c, e.Acked)
		c.closing(e)
		if e.Flags&event.Gone == 0 {
			continue
		}
		t.eof(c, tx)
		t.eof(c, rx)
		if !c.dead {
			c.End = ender(e.Errno, c.closed)
			t.end(c, e.Time, reason(e.Errno))
		}
	}
}

// closing notes which directions of the carrier have ended, and when.
func (c *tracked) closing(e *event.Event) {
	fresh := e.Flags &^ c.closed
	c.closed |= e.Flags
	for dir, fin := range [...]uint16{rx: event.ReceivedFIN, tx: event.SentFIN} {
		s := &c.streams[dir]
		if fresh&fin != 0 {
			s.finAt = e.Time
		}
		if c.closed&event.Gone != 0 && c.closed&fin != 0 {
			s.finish(s.next, max(s.finAt, c.active)) // the library may give bytes that came before the end later
		}
	}
}

// uncarry forgets that a connection is carried.
func (t *Tracker) uncarry(c *tracked) {
	if c.Carrier == 0 {
		return
	}
	rest := slices.DeleteFunc(t.carried[c.Carrier], func(other *tracked) bool { return other == c })
	if len(rest) == 0 {
		delete(t.carried, c.Carrier)
		return
	}
	t.carried[c.Carrier] = rest
}
