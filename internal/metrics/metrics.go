// Package metrics aggregates exchanges into cumulative histograms.
//
// A series is one histogram: of one process, one metric and one set of
// dimensions. It begins with its first exchange, which is its start time, and
// is delivered at every Flush until its process has exited or it has seen
// nothing for an hour. Should it come back, it starts anew, with a new start
// time.
package metrics

import (
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

// An Aggregator keeps one histogram per resource, metric and set of dimensions.
// One goroutine uses it.
type Aggregator struct {
	scope, version string
	maxSeries      int

	owners []*owner              // in the order of their first exchange
	byID   map[process.ID]*owner // the ones that live
	used   map[string]int        // series by name of the metric, without overflow
	dims   dims
}

// New returns an aggregator that keeps at most maxSeries series per metric; the
// rest is counted in one series per resource with otel.metric.overflow=true.
func New(scope, version string, maxSeries int) *Aggregator {
	return &Aggregator{
		scope: scope, version: version, maxSeries: maxSeries,
		byID: map[process.ID]*owner{},
		used: map[string]int{},
	}
}

// Exchange records one exchange's duration, in the series of its process
// (c.Process, whose resource is r) and its dimensions. Nothing of c or x is kept.
//
// An exchange whose end was not seen has no duration and is not recorded, nor
// is one of a protocol without a metric for this side.
func (a *Aggregator) Exchange(r pcommon.Resource, c *conn.Conn, x *proto.Exchange, now time.Time) {
	m := &c.Protocol.Duration[x.Side]
	if m.Name == "" || x.Capture&(proto.NoResponse|proto.UnknownEnd) != 0 {
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
	if a.used[h.Name] >= a.maxSeries {
		if s := h.series[overflowKey]; s != nil {
			return s
		}
		return h.add(overflowKey, overflowDims(), now)
	}
	a.used[h.Name]++
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
	out := pmetric.NewMetrics()
	for _, o := range a.owners {
		if o.empty() {
			continue
		}
		rm := out.ResourceMetrics().AppendEmpty()
		rm.SetSchemaUrl(schemaURL)
		o.resource.CopyTo(rm.Resource())
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.SetSchemaUrl(schemaURL)
		sm.Scope().SetName(a.scope)
		sm.Scope().SetVersion(a.version)
		for _, h := range o.histograms {
			h.render(sm.Metrics().AppendEmpty(), now)
		}
	}
	return out
}
