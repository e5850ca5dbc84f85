package metrics

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A histogram is the series of one metric of one process.
type histogram struct {
	proto.Metric
	series map[string]*series // by key
	order  []*series          // the same, the oldest first
}

// A series is one cumulative histogram.
type series struct {
	key     string
	dims    pcommon.Map
	start   time.Time
	used    time.Time // the first flush that had the last change
	changed bool      // since the last flush

	count         uint64
	sum, min, max float64  // seconds
	buckets       []uint64 // one more than there are bounds
}

func (h *histogram) add(key string, dims pcommon.Map, now time.Time) *series {
	s := &series{key: key, dims: dims, start: now, buckets: make([]uint64, len(h.Bounds)+1)}
	h.series[key] = s
	h.order = append(h.order, s)
	return s
}

// record counts one value, in seconds. A bound belongs to the bucket below it.
func (s *series) record(v float64, bounds []float64) {
	bucket, _ := slices.BinarySearch(bounds, v)
	s.buckets[bucket]++
	if s.count == 0 || v < s.min {
		s.min = v
	}
	s.max = max(s.max, v)
	s.sum += v
	s.count++
	s.changed = true
}

// expire drops the series that are idle, or all of them, and returns how many
// counted against the limit.
func (h *histogram) expire(now time.Time, all bool) (freed int) {
	h.order = slices.DeleteFunc(h.order, func(s *series) bool {
		if s.changed {
			s.changed, s.used = false, now
		}
		if !all && now.Sub(s.used) < idleAfter {
			return false
		}
		delete(h.series, s.key)
		if s.key != overflowKey {
			freed++
		}
		return true
	})
	return freed
}

// render writes the histogram's points as of now. Of a count there is only the number.
func (h *histogram) render(m pmetric.Metric, now time.Time) {
	m.SetName(h.Name)
	m.SetDescription(h.Description)
	if h.Unit != "" {
		m.SetUnit(h.Unit)
		h.renderCount(m.SetEmptySum(), now)
		return
	}
	m.SetUnit("s")
	data := m.SetEmptyHistogram()
	data.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	data.DataPoints().EnsureCapacity(len(h.order))
	for _, s := range h.order {
		s.render(data.DataPoints().AppendEmpty(), h.Bounds, now)
	}
}

func (h *histogram) renderCount(out pmetric.Sum, now time.Time) {
	out.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	out.SetIsMonotonic(true)
	out.DataPoints().EnsureCapacity(len(h.order))
	for _, s := range h.order {
		s.dims.CopyTo(newPoint(out, s.start, now, s.count).Attributes())
	}
}

func (s *series) render(p pmetric.HistogramDataPoint, bounds []float64, now time.Time) {
	start := pcommon.NewTimestampFromTime(s.start)
	p.SetStartTimestamp(start)
	p.SetTimestamp(notBefore(s.start, now))
	p.SetCount(s.count)
	p.SetSum(s.sum)
	p.SetMin(s.min)
	p.SetMax(s.max)
	p.ExplicitBounds().FromRaw(bounds)
	p.BucketCounts().FromRaw(s.buckets)
	s.dims.CopyTo(p.Attributes())
}
