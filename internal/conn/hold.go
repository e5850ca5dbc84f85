package conn

import (
	"bytes"
	"slices"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const (
	maxHeld  = 64                     // events of one connection that may wait for one before them
	patience = 100 * time.Millisecond // for which they do: longer than a thread is kept from running as a rule
)

// hold keeps a copy of e until what is missing before it came.
func (t *Tracker) hold(c *tracked, e *event.Event) {
	kept := *e
	kept.Payload, kept.Tail = bytes.Clone(e.Payload), bytes.Clone(e.Tail)
	c.held = append(c.held, kept)
	if len(c.held) == 1 && !c.leaving {
		t.holding[c] = time.Time{}
	}
	if len(c.held) > maxHeld {
		t.retry(c, true)
	}
}

// retry applies the held events that now join, in the order they came. force
// applies all: what is missing before one is then lost.
func (t *Tracker) retry(c *tracked, force bool) {
	for len(c.held) > 0 && !c.dead {
		i := slices.IndexFunc(c.held, func(e event.Event) bool { return c.joins(&e) })
		if i < 0 {
			if !force {
				return
			}
			i = 0
		}
		e := c.held[i]
		c.held = slices.Delete(c.held, i, i+1)
		t.apply(c, &e)
	}
	c.held = nil
	if !c.leaving {
		delete(t.holding, c)
	}
}

// Tick is to be called when no event waits, with the time. A record made before
// one that was handled may still be on its way, for who makes it may be kept from
// running: what is missing when patience ends is lost.
func (t *Tracker) Tick(now time.Time) {
	for c, since := range t.holding {
		switch {
		case since.IsZero():
			t.holding[c] = now
		case now.Sub(since) >= patience:
			t.give(c)
		}
	}
}

// give ends the wait of a connection. One that is leaving ends with it: what
// there is of it came.
func (t *Tracker) give(c *tracked) {
	t.retry(c, true)
	if c.leaving && !c.dead {
		t.end(c, c.active, proto.ReasonClosed)
	}
}

// Release gives up waiting: no event follows.
func (t *Tracker) Release() {
	for c := range t.holding {
		t.give(c)
	}
}
