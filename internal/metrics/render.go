package metrics

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/health"
)

// render writes the metrics that have one of the bits.
func (v *vitals) render(to pmetric.MetricSlice, instruments []instrument, bits uint64, at time.Time) {
	for i := range instruments {
		ins := &instruments[i]
		if bits&ins.mask == 0 {
			continue
		}
		m := to.AppendEmpty()
		m.SetName(ins.name)
		m.SetDescription(ins.description)
		m.SetUnit(ins.unit)
		if ins.histogram != nil {
			ins.renderHistogram(m.SetEmptyHistogram(), v, at)
		} else {
			ins.renderSum(m.SetEmptySum(), v, at)
		}
	}
}

func (i *instrument) renderSum(out pmetric.Sum, v *vitals, at time.Time) {
	out.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	out.SetIsMonotonic(!i.level)
	var rest uint64
	overflow := false
	for _, r := range v.readings {
		for c := range i.counters {
			switch bit := i.counters[c].bit; {
			case r.own&bit != 0:
				p := newPoint(out, r.start, at, r.value(i, c))
				copyAttributes(p.Attributes(), r.attrs, i.counters[c].attrs)
			case r.overflow&bit != 0:
				overflow = true
				rest += r.value(i, c)
			}
		}
	}
	if overflow {
		overflowDims().MoveTo(newPoint(out, v.start, at, rest).Attributes())
	}
}

func newPoint(out pmetric.Sum, start, at time.Time, n uint64) pmetric.NumberDataPoint {
	p := out.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetTimestamp(notBefore(start, at))
	p.SetIntValue(int64(n))
	return p
}

// notBefore returns the time of a point: the wall clock may step back.
func notBefore(start, at time.Time) pcommon.Timestamp {
	return max(pcommon.NewTimestampFromTime(start), pcommon.NewTimestampFromTime(at))
}

func copyAttributes(to, from pcommon.Map, more []attr) {
	to.EnsureCapacity(from.Len() + len(more))
	from.CopyTo(to)
	for _, a := range more {
		to.PutStr(a.key, a.value)
	}
}

func (i *instrument) renderHistogram(out pmetric.Histogram, v *vitals, at time.Time) {
	out.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	rest, overflow := i.distribution(), false
	for _, r := range v.readings {
		switch {
		case r.own&i.mask != 0:
			d := i.distribution()
			d.add(i.histogram(&r.now), i.histogram(&r.base))
			p := out.DataPoints().AppendEmpty()
			d.render(p, i.bounds, r.start, at)
			r.attrs.CopyTo(p.Attributes())
		case r.overflow&i.mask != 0:
			overflow = true
			rest.add(i.histogram(&r.now), i.histogram(&r.base))
		}
	}
	if overflow {
		p := out.DataPoints().AppendEmpty()
		rest.render(p, i.bounds, v.start, at)
		overflowDims().MoveTo(p.Attributes())
	}
}

// A distribution is what histograms add up to.
type distribution struct {
	count, nanos uint64
	buckets      []uint64
}

func (i *instrument) distribution() distribution {
	return distribution{buckets: make([]uint64, len(i.bounds)+1)}
}

// add adds what a histogram has come to since base.
func (d *distribution) add(h, base *health.Histogram) {
	d.count += h.Count - base.Count
	d.nanos += h.SumNanos - base.SumNanos
	for i, n := range h.Buckets {
		d.buckets[i] += n
	}
	for i, n := range base.Buckets {
		d.buckets[i] -= n
	}
}

func (d *distribution) render(p pmetric.HistogramDataPoint, bounds []float64, start, at time.Time) {
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetTimestamp(notBefore(start, at))
	p.SetCount(d.count)
	p.SetSum(float64(d.nanos) / float64(time.Second))
	p.ExplicitBounds().FromRaw(bounds)
	p.BucketCounts().FromRaw(d.buckets)
}
