// Package metrics aggregates exchanges into cumulative histograms.
package metrics

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// An Aggregator keeps one histogram per resource, metric and set of dimensions.
// One goroutine uses it.
type Aggregator struct{}

// New returns an aggregator that keeps at most maxSeries series per metric; the
// rest is counted in one series per resource with otel.metric.overflow=true.
func New(scope, version string, maxSeries int) *Aggregator { return &Aggregator{} }

// Exchange records one exchange's duration.
func (a *Aggregator) Exchange(r pcommon.Resource, c *conn.Conn, x *proto.Exchange, now time.Time) {}

// Flush returns every data point as of now; the caller owns them. Series that
// saw nothing for a while after their process exited are dropped.
func (a *Aggregator) Flush(now time.Time) pmetric.Metrics { return pmetric.NewMetrics() }
