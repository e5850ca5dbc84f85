// Package metrics aggregates exchanges into cumulative histograms, and renders
// what the kernel counted of the health of connections.
//
// A series of exchanges is one histogram: of one process, one metric and one
// set of dimensions. It begins with its first exchange, which is its start time,
// and is delivered at every Flush until its process has exited or it has seen
// nothing for an hour. Should it come back, it starts anew, with a new start
// time.
//
// A series of health is what the kernel adds up; see Health.
package metrics

import (
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// schemaURL names the version of the semantic conventions the metrics follow.
const schemaURL = "https://opentelemetry.io/schemas/1.43.0"

const (
	// idleAfter is how long a series of a living process is kept without an exchange.
	idleAfter = time.Hour
	// lastFlushes is how many flushes without a change an exited process is kept.
	lastFlushes = 2
)

// Config is what an Aggregator is made of.
type Config struct {
	Scope, Version string          // of the instrumentation scope
	MaxSeries      int             // per metric; the rest is one series per resource with otel.metric.overflow=true
	Off            map[string]bool // names of the metrics nobody wants

	// Of the health of connections.
	Start    time.Time                                      // when the kernel began to count
	Forget   func(pid uint32)                               // frees what the kernel keeps of a process that has exited
	PeerName func(pid uint32, addr netip.Addr) (dns string) // "" when unknown; nil: it always is
}

// An Aggregator keeps one histogram per resource, metric and set of dimensions,
// and what is known of the health of each process' connections. One goroutine
// uses it.
type Aggregator struct {
	cfg  Config
	used map[string]int // series by name of the metric, without overflow

	owners  []*owner              // in the order of their first exchange
	byID    map[process.ID]*owner // the ones that live
	dims    dims
	carrier proto.Exchange // holds the dimensions of the connection at hand

	health healthTable
}

// New returns an aggregator that has nothing to deliver yet.
func New(c Config) *Aggregator {
	return &Aggregator{
		cfg: c, used: map[string]int{},
		byID:   map[process.ID]*owner{},
		health: newHealthTable(&c),
	}
}

// admits reports whether a metric may have one more series, and counts it.
func (a *Aggregator) admits(metric string) bool {
	if a.used[metric] >= a.cfg.MaxSeries {
		return false
	}
	a.used[metric]++
	return true
}

// Exchange records one exchange's duration, in the series of its process
// (c.Process, whose resource is r) and its dimensions. Nothing of c or x is kept.
//
// An exchange whose end was not seen has no duration and is not recorded, nor
// is one whose metric is off, or of a protocol without one for this side.
func (a *Aggregator) Exchange(r pcommon.Resource, c *conn.Conn, x *proto.Exchange, now time.Time) {
	m := &c.Protocol.Duration[x.Side]
	if m.Name == "" || a.cfg.Off[m.Name] || x.Capture&(proto.NoResponse|proto.UnknownEnd) != 0 {
		return
	}
	o := a.ownerOf(c.Process.ID, r)
	o.changed = true
	h := o.histogram(m)
	a.seriesOf(h, x, now).record(max(0, x.End-x.Start).Seconds(), h.Bounds)
}

// seriesOf returns the series x belongs to, or the one of the overflow when the
// metric has as many as it may have.
func (a *Aggregator) seriesOf(h *histogram, x *proto.Exchange, now time.Time) *series {
	key := a.dims.of(x)
	if s := h.series[string(key)]; s != nil { // does not allocate
		return s
	}
	if !a.admits(h.Name) {
		if s := h.series[overflowKey]; s != nil {
			return s
		}
		return h.add(overflowKey, overflowDims(), now)
	}
	return h.add(string(key), a.dims.attributes(), now)
}

// Exited says that a process has exited. Its series are delivered until two
// flushes have seen no change: exchanges that were open when it exited may
// still come.
func (a *Aggregator) Exited(id process.ID) {
	o := a.byID[id]
	if o == nil {
		o = a.adopt(id, pcommon.Resource{})
	}
	o.exited = true
}

// Flush returns every data point as of now; the caller owns them. What has
// expired is dropped first and makes room under maxSeries.
func (a *Aggregator) Flush(now time.Time) pmetric.Metrics {
	a.expire(now)
	out := newPayload(&a.cfg)
	for _, o := range a.owners {
		if o.empty() {
			continue
		}
		to := out.of(o.resource)
		for _, h := range o.histograms {
			h.render(to.AppendEmpty(), now)
		}
	}
	a.health.flush(out)
	return out.Metrics
}
