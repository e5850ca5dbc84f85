//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// points gives the values of a metric of integers by its attributes, the receiver's left out.
func points(m metricdata.Metrics) map[string]int64 {
	values := make(map[string]int64)
	var data []metricdata.DataPoint[int64]
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		data = d.DataPoints
	case metricdata.Gauge[int64]:
		data = d.DataPoints
	}
	for _, p := range data {
		var key []string
		for _, name := range []string{"stage", "reason", "part", "hook", "form", "protocol"} {
			if v, ok := p.Attributes.Value(attribute.Key(name)); ok {
				key = append(key, v.AsString())
			}
		}
		values[strings.Join(key, " ")] += p.Value
	}
	return values
}

// A histogram is the sum of all series of a metric.
type histogram struct {
	count, inBuckets uint64
	sum              float64
	byStatus         map[string]uint64
}

// histogram adds up the last point of every series of a metric of durations.
func (o *observer) histogram(t testing.TB, name string) histogram {
	t.Helper()
	last := make(map[string]pmetric.HistogramDataPoint)
	for _, md := range o.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Name() != name {
						continue
					}
					require.Equal(t, "s", m.Unit())
					require.Equal(t, pmetric.AggregationTemporalityCumulative, m.Histogram().AggregationTemporality())
					for _, p := range m.Histogram().DataPoints().All() {
						last[fmt.Sprint(rm.Resource().Attributes().AsRaw(), p.Attributes().AsRaw())] = p
					}
				}
			}
		}
	}
	h := histogram{byStatus: make(map[string]uint64)}
	for _, p := range last {
		h.count += p.Count()
		h.sum += p.Sum()
		for _, n := range p.BucketCounts().All() {
			h.inBuckets += n
		}
		status, _ := p.Attributes().Get("http.response.status_code")
		h.byStatus[status.AsString()] += p.Count()
	}
	return h
}
