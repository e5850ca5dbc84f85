package conn

import (
	"bytes"
	"slices"

	"github.com/edf076de/ebpfreceiver/internal/event"
)

// maxHeld is how many events of one connection may wait for one before them.
const maxHeld = 64

// hold keeps a copy of e until what is missing before it came, or two Ticks.
func (t *Tracker) hold(c *tracked, e *event.Event) {
	kept := *e
	kept.Payload, kept.Tail = bytes.Clone(e.Payload), bytes.Clone(e.Tail)
	c.held = append(c.held, kept)
	if len(c.held) == 1 {
		t.holding[c] = 0
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
	delete(t.holding, c)
}

// Tick is to be called when no event waits. A record made before one that was
// handled may still be on its way, but not for two Ticks: what is missing then
// is lost.
func (t *Tracker) Tick() {
	for c, ticks := range t.holding {
		if ticks > 0 {
			t.retry(c, true)
		} else {
			t.holding[c] = ticks + 1
		}
	}
}
