package pipeline

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/health"
)

// A collection is one lane's share of what the kernel counted of connections.
type collection struct {
	at     time.Time
	told   bool            // false: there is no health, or it could not be read
	series []health.Series // sorted by process
}

// collect has the lanes deliver their metrics every interval.
func (p *Pipeline) collect(ctx context.Context) {
	due := time.NewTicker(p.cfg.Interval)
	defer due.Stop()
	for {
		select {
		case <-due.C:
			for i, share := range p.shares() {
				p.lanes[i].collections <- share
			}
		case <-ctx.Done():
			return
		}
	}
}

// shares reads the health of connections and divides it among the lanes, as
// dispatch does records.
func (p *Pipeline) shares() []collection {
	shares := make([]collection, len(p.lanes))
	if p.cfg.Health == nil {
		return shares
	}
	at := time.Now()
	all, err := p.cfg.Health()
	if err != nil {
		p.unread.Add(1)
		return shares
	}
	slices.SortStableFunc(all, func(a, b health.Series) int { return cmp.Compare(a.PID, b.PID) })
	for i := range shares {
		shares[i].at, shares[i].told = at, true
	}
	for i := range all {
		share := &shares[p.laneOf(all[i].PID)]
		share.series = append(share.series, all[i])
	}
	return shares
}
