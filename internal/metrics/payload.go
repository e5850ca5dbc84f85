package metrics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// A payload is what one flush delivers: one ResourceMetrics per process with
// one ScopeMetrics in it.
type payload struct {
	pmetric.Metrics
	scope, version string
	byResource     map[pcommon.Resource]pmetric.MetricSlice
}

func newPayload(c *Config) *payload {
	return &payload{pmetric.NewMetrics(), c.Scope, c.Version, map[pcommon.Resource]pmetric.MetricSlice{}}
}

// of returns where the metrics of one resource go. Resources are compared by
// identity: the cache of package resource makes one per process.
func (p *payload) of(r pcommon.Resource) pmetric.MetricSlice {
	if to, ok := p.byResource[r]; ok {
		return to
	}
	rm := p.ResourceMetrics().AppendEmpty()
	rm.SetSchemaUrl(schemaURL)
	r.CopyTo(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.SetSchemaUrl(schemaURL)
	sm.Scope().SetName(p.scope)
	sm.Scope().SetVersion(p.version)
	p.byResource[r] = sm.Metrics()
	return sm.Metrics()
}
