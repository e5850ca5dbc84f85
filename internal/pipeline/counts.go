package pipeline

import (
	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto/dns"
)

// A Count is one of the pipeline's counters.
type Count struct {
	Reason string // "gap", "framing_lost", "parse_error", "export_queue_full", …
	Part   string // what the reason is about: a protocol's name, "traces", "metrics", …
	N      uint64
}

// Losses returns what was lost above the kernel, by reason and part.
func (p *Pipeline) Losses() []Count {
	counts := []Count{
		{"export_queue_full", "traces", p.traces.dropped.Load()},
		{"export_queue_full", "metrics", p.metrics.dropped.Load()},
		{"health_unread", "metrics", p.unread.Load()},
	}
	sums := make(map[Count]uint64)
	for _, l := range p.lanes {
		l.mu.Lock()
		for loss, n := range l.tracker.Losses() {
			sums[Count{Reason: loss.Reason, Part: loss.Part}] += n
		}
		for reason, n := range l.lookups.Lost() {
			sums[Count{Reason: reason, Part: dns.Name}] += n
		}
		sums[Count{Reason: "malformed", Part: "record"}] += l.malformed
		sums[Count{Reason: "duration_unknown", Part: "metrics"}] += l.unmeasured
		sums[Count{Reason: "nat_unknown", Part: "connection"}] += l.unlooked
		l.mu.Unlock()
	}
	for c, n := range sums {
		c.N = n
		counts = append(counts, c)
	}
	return counts
}

// Totals are what the pipeline handled since Run.
type Totals struct {
	Records     uint64            // read from the source
	Exchanges   map[string]uint64 // by protocol
	Connections int64             // followed now
	Carriers    conn.Carriers     // of them and before them, those of TLS
}

// Totals returns the totals.
func (p *Pipeline) Totals() Totals {
	t := Totals{Records: p.records.Load(), Exchanges: make(map[string]uint64)}
	for _, l := range p.lanes {
		l.mu.Lock()
		for name, n := range l.tracker.Exchanges() {
			t.Exchanges[name] += n
		}
		if n := l.lookups.Exchanges(); n > 0 {
			t.Exchanges[dns.Name] += n
		}
		t.Connections += int64(l.tracker.Len())
		t.Carriers.Add(l.tracker.Carriers())
		l.mu.Unlock()
	}
	return t
}
