package e2e

import (
	"strings"

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
