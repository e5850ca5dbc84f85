package metrics

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

var (
	protocol = &proto.Protocol{Name: "http1", Duration: [2]proto.Metric{
		proto.Client: {Name: "client.duration", Description: "Client.", Bounds: []float64{0.01, 1}},
		proto.Server: {Name: "server.duration", Description: "Server.", Bounds: []float64{0.01, 1}},
	}}
	t0 = time.Unix(1_700_000_000, 0)
)

// A bench is an aggregator with a clock and processes.
type bench struct {
	*Aggregator
	now time.Time
}

func newBench(maxSeries int) *bench {
	return &bench{New(Config{Scope: "scope", Version: "v1.2.3", MaxSeries: maxSeries}), t0}
}

// newProcess returns a connection of a process and its resource.
func newProcess(pid uint32, name string) (pcommon.Resource, *conn.Conn) {
	r := pcommon.NewResource()
	r.Attributes().PutStr("service.name", name)
	return r, &conn.Conn{Process: &process.Info{ID: process.ID{PID: pid}}, Protocol: protocol}
}

// add records an exchange of a second on the server side, with dimensions.
func (b *bench) add(r pcommon.Resource, c *conn.Conn, dims ...proto.Attr) {
	for i := range dims {
		dims[i] = dims[i].Dim()
	}
	b.Exchange(r, c, &proto.Exchange{Side: proto.Server, End: time.Second, Attrs: dims}, b.now)
}

// flush delivers after a minute.
func (b *bench) flush() pmetric.Metrics {
	b.now = b.now.Add(time.Minute)
	return b.Flush(b.now)
}

// point returns the only data point.
func point(t *testing.T, m pmetric.Metrics) pmetric.HistogramDataPoint {
	t.Helper()
	if m.DataPointCount() != 1 {
		t.Fatalf("%d data points", m.DataPointCount())
	}
	return m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints().At(0)
}

func TestHistogram(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	for _, d := range []time.Duration{0, 5 * time.Millisecond, 10 * time.Millisecond, 11 * time.Millisecond, time.Second, 3 * time.Second} {
		b.Exchange(r, c, &proto.Exchange{Side: proto.Server, Start: time.Hour, End: time.Hour + d}, b.now)
	}
	out := b.flush()
	m := out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	if m.Name() != "server.duration" || m.Description() != "Server." || m.Unit() != "s" {
		t.Errorf("%q %q %q", m.Name(), m.Description(), m.Unit())
	}
	if m.Histogram().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
		t.Error("not cumulative")
	}
	p := point(t, out)
	if got := p.BucketCounts().AsRaw(); !slices.Equal(got, []uint64{3, 2, 1}) {
		t.Errorf("buckets %v", got)
	}
	if !slices.Equal(p.ExplicitBounds().AsRaw(), []float64{0.01, 1}) {
		t.Errorf("bounds %v", p.ExplicitBounds().AsRaw())
	}
	if p.Count() != 6 || math.Abs(p.Sum()-4.026) > 1e-9 || p.Min() != 0 || p.Max() != 3 {
		t.Errorf("count %d, sum %g, min %g, max %g", p.Count(), p.Sum(), p.Min(), p.Max())
	}
	if p.StartTimestamp().AsTime() != t0.UTC() || p.Timestamp().AsTime() != t0.Add(time.Minute).UTC() {
		t.Errorf("from %s to %s", p.StartTimestamp(), p.Timestamp())
	}
}

func TestMinIsNotZero(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	b.add(r, c)
	if p := point(t, b.flush()); p.Min() != 1 || p.Max() != 1 {
		t.Errorf("min %g, max %g", p.Min(), p.Max())
	}
}

func TestIsCumulative(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	for want := range uint64(5) {
		b.add(r, c)
		if p := point(t, b.flush()); p.Count() != want+1 || p.StartTimestamp().AsTime() != t0.UTC() {
			t.Errorf("count %d since %s", p.Count(), p.StartTimestamp())
		}
	}
}

func TestDimensions(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	b.Exchange(r, c, &proto.Exchange{
		Side: proto.Server, Err: "500",
		Attrs: []proto.Attr{
			proto.Str("url.path", "/secret"),
			proto.Str("http.request.method", "GET").Dim(),
			proto.Int("http.response.status_code", 500).Dim(),
			proto.List("tags", []string{"a", "b"}).Dim(),
		},
	}, b.now)
	want := map[string]any{
		"http.request.method": "GET", "http.response.status_code": int64(500),
		"tags": []any{"a", "b"}, "error.type": "500",
	}
	if got := point(t, b.flush()).Attributes().AsRaw(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestSeriesAreSetsOfDimensions(t *testing.T) {
	same := [][]proto.Attr{
		{proto.Str("a", "1"), proto.Int("b", 2)},
		{proto.Int("b", 2), proto.Str("a", "1")},
	}
	other := [][]proto.Attr{
		{},
		{proto.Str("a", "1")},
		{proto.Str("a", "1"), proto.Str("b", "2")},
		{proto.Str("a", "1"), proto.Int("b", 3)},
		{proto.Str("a", "1b"), proto.Int("b", 2)},
		{proto.Str("a1", ""), proto.Int("b", 2)},
		{proto.List("a", []string{"1"}), proto.Int("b", 2)},
		{proto.List("a", []string{"1", ""}), proto.Int("b", 2)},
		{proto.Str("a", ""), proto.Int("b", 2)},
		{proto.Str("a", "\xff")},
		{proto.Str("\xff", "")},
	}
	b := newBench(100)
	r, c := newProcess(1, "a")
	for _, dims := range slices.Concat(same, other) {
		b.add(r, c, dims...)
	}
	if got := b.flush().DataPointCount(); got != len(other)+1 {
		t.Errorf("%d series, want %d", got, len(other)+1)
	}
}

func TestInvalidTextIsOneSeries(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	b.add(r, c, proto.Str("a", "\xfe"))
	b.add(r, c, proto.Str("a", "\xff"))
	p := point(t, b.flush())
	if v, _ := p.Attributes().Get("a"); v.Str() != "\uFFFD" || p.Count() != 2 {
		t.Errorf("%d of %q", p.Count(), v.Str())
	}
}

func TestWithoutDuration(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	b.Exchange(r, c, &proto.Exchange{Capture: proto.NoResponse}, b.now)
	b.Exchange(r, c, &proto.Exchange{Capture: proto.UnknownEnd}, b.now)
	c.Protocol = &proto.Protocol{Name: "nameless"}
	b.Exchange(r, c, &proto.Exchange{}, b.now)
	if got := b.flush(); got.ResourceMetrics().Len() != 0 {
		t.Errorf("%d data points", got.DataPointCount())
	}
}

func TestShape(t *testing.T) {
	b := newBench(10)
	r1, c1 := newProcess(1, "a")
	r2, c2 := newProcess(2, "b")
	for _, method := range []string{"GET", "PUT"} {
		b.add(r1, c1, proto.Str("http.request.method", method))
	}
	b.Exchange(r1, c1, &proto.Exchange{Side: proto.Client}, b.now)
	b.add(r2, c2)
	out := b.flush()
	var got []string
	for i := range out.ResourceMetrics().Len() {
		rm := out.ResourceMetrics().At(i)
		service, _ := rm.Resource().Attributes().Get("service.name")
		if rm.ScopeMetrics().Len() != 1 || rm.SchemaUrl() != schemaURL {
			t.Errorf("%d scopes, schema %q", rm.ScopeMetrics().Len(), rm.SchemaUrl())
		}
		sm := rm.ScopeMetrics().At(0)
		if sm.Scope().Name() != "scope" || sm.Scope().Version() != "v1.2.3" || sm.SchemaUrl() != schemaURL {
			t.Errorf("scope %q %q %q", sm.Scope().Name(), sm.Scope().Version(), sm.SchemaUrl())
		}
		for j := range sm.Metrics().Len() {
			m := sm.Metrics().At(j)
			got = append(got, fmt.Sprint(service.Str(), " ", m.Name(), " ", m.Histogram().DataPoints().Len()))
		}
	}
	if want := []string{"a server.duration 2", "a client.duration 1", "b server.duration 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestFlushIsOwnedByTheCaller(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	b.add(r, c, proto.Str("k", "v"))
	out := b.flush()
	out.ResourceMetrics().At(0).Resource().Attributes().Clear()
	p := point(t, out)
	p.Attributes().PutStr("k", "changed")
	p.BucketCounts().SetAt(0, 99)
	p.ExplicitBounds().SetAt(0, 99)
	again := point(t, b.flush())
	if v, _ := again.Attributes().Get("k"); v.Str() != "v" || again.BucketCounts().At(0) != 0 || again.ExplicitBounds().At(0) != 0.01 {
		t.Error("a delivered point is shared with the next one")
	}
	if r.Attributes().Len() != 1 || protocol.Duration[proto.Server].Bounds[0] != 0.01 {
		t.Error("a delivered point is shared with the cache or the protocol")
	}
}

func TestClockStepsBack(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	b.add(r, c)
	if p := point(t, b.Flush(t0.Add(-time.Hour))); p.Timestamp() < p.StartTimestamp() {
		t.Errorf("from %s to %s", p.StartTimestamp(), p.Timestamp())
	}
}
