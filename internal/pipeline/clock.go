package pipeline

import (
	"sync"
	"time"
)

// A clock says what makes a time since boot one since the Unix epoch.
//
// It changes its answer only when the clocks have moved apart by more than
// clockSlack: jitter of the reading would otherwise let a client span begin
// after the server span it encloses, when the two fall in different batches.
type clock struct {
	mu     sync.Mutex
	read   func() (mono, wall time.Duration)
	offset time.Duration
}

const (
	clockSlack = 20 * time.Microsecond
	clockTries = 5
)

// Offset reads both clocks a few times and trusts the reading that was interrupted least.
func (c *clock) Offset() time.Duration {
	var best, width time.Duration
	for i := range clockTries {
		before, _ := c.read()
		_, wall := c.read()
		after, _ := c.read()
		if i == 0 || after-before < width {
			width, best = after-before, wall-(before+after)/2
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := best - c.offset; d > clockSlack || d < -clockSlack {
		c.offset = best
	}
	return c.offset
}
