package conn

import (
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A connection of TLS lives on when its handshake is over: it carries what is
// encrypted in it. Its bytes are not looked at any more; what they carry, where
// that is seen, is another connection, which has this one's handshake on its spans.

// Carriers counts the connections that carry something by whether any of it was seen.
type Carriers struct {
	Seen, Unseen uint64 // those that have ended
	Opaque       uint64 // those that have not, without anything seen
}

// Add adds other counts.
func (c *Carriers) Add(o Carriers) {
	c.Seen += o.Seen
	c.Unseen += o.Unseen
	c.Opaque += o.Opaque
}

// Carriers returns the counts.
func (t *Tracker) Carriers() Carriers { return t.carriers }

// carry ends the parsing of a connection that lives on.
func (t *Tracker) carry(c *tracked) {
	c.parser = nil
	c.held = nil
	c.streams = [2]stream{}
	delete(t.holding, c)
	if c.TLS == nil { // joined behind the handshake
		c.TLS = &proto.TLS{}
	} else {
		c.Connected = proto.AnswerOf(c.side == proto.Client)
	}
	if c.Plaintext = Seen; !c.revealed {
		c.Plaintext = Unseen
		t.carriers.Opaque++
	}
	t.cfg.Verdict(c.ID, event.Carry)
}

// recarry takes bytes of a connection that carries: the kernel had not heard
// yet. If they go on, the verdict did not arrive.
func (t *Tracker) recarry(c *tracked) {
	if t.strays++; t.strays%remute == 0 {
		t.cfg.Verdict(c.ID, event.Carry)
	}
}

// reveal notes that bytes were seen that a connection carries, and returns it;
// nil when it is not followed.
func (t *Tracker) reveal(id uint64) *tracked {
	c := t.conns[id]
	if c == nil {
		return nil
	}
	c.revealed = true
	if c.Plaintext == Unseen {
		c.Plaintext = Seen
		t.carriers.Opaque--
	}
	return c
}

// settle counts a connection that ends.
func (t *Tracker) settle(c *tracked) {
	switch c.Plaintext {
	case Seen:
		t.carriers.Seen++
	case Unseen:
		t.carriers.Unseen++
		t.carriers.Opaque--
		if t.cfg.Opaque != nil {
			t.cfg.Opaque(c.Process.PID)
		}
	}
}
