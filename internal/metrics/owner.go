package metrics

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// An owner is a process with its histograms. It is made by the first exchange,
// or by the exit that precedes it; it has no resource then.
type owner struct {
	id         process.ID
	resource   pcommon.Resource
	histograms []*histogram

	changed bool // since the last flush
	exited  bool
	quiet   int // flushes without a change since the exit
}

// ownerOf returns the owner of the process with the resource r. A process that
// has called exec is another one by its resource: the former ends, for one
// series must not change the resource it is of.
func (a *Aggregator) ownerOf(id process.ID, r pcommon.Resource) *owner {
	o := a.byID[id]
	switch {
	case o == nil:
		return a.adopt(id, r)
	case o.resource == r: // by identity, as nearly always
		return o
	case o.resource == (pcommon.Resource{}), o.resource.Attributes().Equal(r.Attributes()):
		o.resource = r
		return o
	}
	next := a.adopt(id, r)
	o.exited, next.exited = true, o.exited
	return next
}

// adopt makes an owner and lets it stand for the process from now on.
func (a *Aggregator) adopt(id process.ID, r pcommon.Resource) *owner {
	o := &owner{id: id, resource: r}
	a.owners = append(a.owners, o)
	a.byID[id] = o
	return o
}

// histogram returns the owner's histogram of one metric. Protocols that share a
// metric share the histogram; its bounds are the ones seen first.
func (o *owner) histogram(m *proto.Metric) *histogram {
	for _, h := range o.histograms {
		if h.Name == m.Name {
			return h
		}
	}
	h := &histogram{Metric: *m, series: map[string]*series{}}
	o.histograms = append(o.histograms, h)
	return h
}

// empty reports whether o has nothing to deliver: histograms without series do
// not outlive expire.
func (o *owner) empty() bool { return len(o.histograms) == 0 }

// expire drops the series that saw nothing for too long, and the owners that
// have exited or lost all their series.
func (a *Aggregator) expire(now time.Time) {
	a.owners = slices.DeleteFunc(a.owners, func(o *owner) bool {
		gone := o.gone()
		o.histograms = slices.DeleteFunc(o.histograms, func(h *histogram) bool {
			a.used[h.Name] -= h.expire(now, gone)
			return len(h.series) == 0
		})
		if !gone && (o.exited || !o.empty()) {
			return false
		}
		if a.byID[o.id] == o {
			delete(a.byID, o.id)
		}
		return true
	})
}

// gone counts a flush and reports whether an exited process has had its last one.
func (o *owner) gone() bool {
	if o.changed || !o.exited {
		o.changed, o.quiet = false, 0
		return false
	}
	o.quiet++
	return o.quiet >= lastFlushes
}
