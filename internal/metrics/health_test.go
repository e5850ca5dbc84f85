package metrics

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A ward is an aggregator with a clock, fed with what a kernel might have counted.
type ward struct {
	*Aggregator
	now       time.Time
	forgotten []uint32
}

func newWard(c Config) *ward {
	w := &ward{now: t0}
	c.Scope, c.Version, c.Start = "scope", "v1.2.3", t0
	c.Forget = func(pid uint32) { w.forgotten = append(w.forgotten, pid) }
	if c.MaxSeries == 0 {
		c.MaxSeries = 100
	}
	w.Aggregator = New(c)
	return w
}

// collect takes what there is of the processes after ten seconds, and delivers.
func (w *ward) collect(processes ...Process) pmetric.Metrics {
	w.now = w.now.Add(10 * time.Second)
	w.Health(w.now, processes)
	return w.Flush(w.now)
}

// process1 returns a process with its series.
func process1(series ...health.Series) Process {
	return Process{PID: 1, Resource: named("shop"), Series: series}
}

func named(service string) pcommon.Resource {
	r := pcommon.NewResource()
	r.Attributes().PutStr("service.name", service)
	return r
}

func client(port uint16) health.Key {
	return health.Key{PID: 1, Transport: health.TCP, Role: health.Active, ServerPort: port}
}

func sent(k health.Key, n uint64) health.Series {
	return health.Series{Key: k, Values: health.Values{BytesSent: n}}
}

// everything has another value in every field: 1, 2, 3, ... in the order of the fields.
func everything() health.Values {
	return health.Values{
		BytesSent: 1, BytesReceived: 2, SegmentsSent: 3, SegmentsReceived: 4,
		Opened: 5, Accepted: 6, Closed: 7, Failed: health.Failures{8, 9, 10, 11, 12}, Active: 13,
		Retransmits: 14, RetransmitBytes: 15, RTOs: 16, OutOfOrder: 17, ZeroWindows: 18, ResetsSent: 19, ResetsReceived: 20,
		ListenOverflows: 21, ListenDrops: 22, DatagramsSent: 23, DatagramsReceived: 24,
		Connect:  durationsIn(health.ConnectBounds, 25),
		Duration: durationsIn(health.DurationBounds, 26),
		RTT:      durationsIn(health.RTTBounds, 27),
	}
}

// durationsIn is a histogram of n values, all in the second bucket, of a second together.
func durationsIn(bounds []float64, n uint64) health.Histogram {
	h := health.Histogram{Count: n, SumNanos: 1e9, Buckets: make([]uint64, len(bounds)+1)}
	h.Buckets[1] = n
	return h
}

// lines returns every point as one line of text.
func lines(m pmetric.Metrics) []string {
	var all []string
	for _, rm := range m.ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			switch m.Type() {
			case pmetric.MetricTypeSum:
				for _, p := range m.Sum().DataPoints().All() {
					all = append(all, fmt.Sprint(m.Name(), " ", p.IntValue(), " ", p.Attributes().AsRaw()))
				}
			case pmetric.MetricTypeHistogram:
				for _, p := range m.Histogram().DataPoints().All() {
					all = append(all, fmt.Sprint(m.Name(), " ", p.Count(), " ", p.Attributes().AsRaw()))
				}
			}
		}
	}
	return all
}

func requireLines(t *testing.T, m pmetric.Metrics, want ...string) {
	t.Helper()
	if got := lines(m); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// sums returns the points of a metric.
func sums(m pmetric.Metrics, name string) (points []pmetric.NumberDataPoint) {
	for _, rm := range m.ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			if m.Name() == name {
				for _, p := range m.Sum().DataPoints().All() {
					points = append(points, p)
				}
			}
		}
	}
	return points
}

func TestHealthValues(t *testing.T) {
	w := newWard(Config{})
	tcp := health.Series{Key: client(443), Values: everything()}
	udp := tcp
	udp.Transport, udp.V6, udp.Role, udp.ServerPort = health.UDP, true, health.Unknown, 0
	const at = "network.transport:tcp network.type:ipv4 server.port:443]"
	requireLines(t, w.collect(process1(tcp, udp)),
		"ebpf.tcp.io 1 map[ebpf.connection.role:client network.io.direction:transmit "+at,
		"ebpf.tcp.io 2 map[ebpf.connection.role:client network.io.direction:receive "+at,
		"ebpf.tcp.segments 3 map[ebpf.connection.role:client network.io.direction:transmit "+at,
		"ebpf.tcp.segments 4 map[ebpf.connection.role:client network.io.direction:receive "+at,
		"ebpf.tcp.connection.count 5 map[ebpf.connection.role:client ebpf.tcp.connection.event:opened "+at,
		"ebpf.tcp.connection.count 6 map[ebpf.connection.role:client ebpf.tcp.connection.event:accepted "+at,
		"ebpf.tcp.connection.count 7 map[ebpf.connection.role:client ebpf.tcp.connection.event:closed "+at,
		"ebpf.tcp.connection.count 8 map[ebpf.connection.role:client ebpf.tcp.connection.event:failed error.type:refused "+at,
		"ebpf.tcp.connection.count 9 map[ebpf.connection.role:client ebpf.tcp.connection.event:failed error.type:reset "+at,
		"ebpf.tcp.connection.count 10 map[ebpf.connection.role:client ebpf.tcp.connection.event:failed error.type:timed_out "+at,
		"ebpf.tcp.connection.count 11 map[ebpf.connection.role:client ebpf.tcp.connection.event:failed error.type:unreachable "+at,
		"ebpf.tcp.connection.count 12 map[ebpf.connection.role:client ebpf.tcp.connection.event:failed error.type:other "+at,
		"ebpf.tcp.connection.active 13 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.connect.duration 25 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.connection.duration 26 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.rtt 27 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.retransmits 14 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.retransmit.io 15 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.rto 16 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.resets 19 map[ebpf.connection.role:client network.io.direction:transmit "+at,
		"ebpf.tcp.resets 20 map[ebpf.connection.role:client network.io.direction:receive "+at,
		"ebpf.tcp.out_of_order 17 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.zero_window 18 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.listen.overflows 21 map[ebpf.connection.role:client "+at,
		"ebpf.tcp.listen.drops 22 map[ebpf.connection.role:client "+at,
		"ebpf.udp.io 1 map[network.io.direction:transmit network.transport:udp network.type:ipv6]",
		"ebpf.udp.io 2 map[network.io.direction:receive network.transport:udp network.type:ipv6]",
		"ebpf.udp.datagrams 23 map[network.io.direction:transmit network.transport:udp network.type:ipv6]",
		"ebpf.udp.datagrams 24 map[network.io.direction:receive network.transport:udp network.type:ipv6]",
	)
}

func TestHealthShape(t *testing.T) {
	w := newWard(Config{})
	out := w.collect(process1(health.Series{Key: client(1), Values: everything()}))
	rm := out.ResourceMetrics().At(0)
	sm := rm.ScopeMetrics().At(0)
	if out.ResourceMetrics().Len() != 1 || rm.SchemaUrl() != schemaURL || sm.SchemaUrl() != schemaURL ||
		sm.Scope().Name() != "scope" || sm.Scope().Version() != "v1.2.3" {
		t.Errorf("%d resources, scope %q %q", out.ResourceMetrics().Len(), sm.Scope().Name(), sm.Scope().Version())
	}
	for _, m := range sm.Metrics().All() {
		if m.Type() == pmetric.MetricTypeSum {
			s := m.Sum()
			if s.AggregationTemporality() != pmetric.AggregationTemporalityCumulative || s.IsMonotonic() == (m.Name() == "ebpf.tcp.connection.active") {
				t.Errorf("%s: %s, monotonic %t", m.Name(), s.AggregationTemporality(), s.IsMonotonic())
			}
		} else if m.Histogram().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
			t.Errorf("%s: %s", m.Name(), m.Histogram().AggregationTemporality())
		}
	}
}

func TestHealthHistogram(t *testing.T) {
	w := newWard(Config{})
	out := w.collect(process1(health.Series{Key: client(1), Values: health.Values{RTT: durationsIn(health.RTTBounds, 3)}}))
	metrics := out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	m := metrics.At(metrics.Len() - 1)
	p := m.Histogram().DataPoints().At(0)
	if m.Name() != "ebpf.tcp.rtt" || m.Unit() != "s" || p.Count() != 3 || p.Sum() != 1 || p.HasMin() || p.HasMax() ||
		!slices.Equal(p.ExplicitBounds().AsRaw(), health.RTTBounds) || p.BucketCounts().Len() != len(health.RTTBounds)+1 || p.BucketCounts().At(1) != 3 {
		t.Errorf("%s: %d, %g s, buckets %v", m.Name(), p.Count(), p.Sum(), p.BucketCounts().AsRaw())
	}
}

// A series has nothing to tell of what never happened.
func TestHealthOfAQuietConnection(t *testing.T) {
	w := newWard(Config{})
	var got []string
	for _, m := range w.collect(process1(health.Series{Key: client(1)})).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		got = append(got, m.Name())
	}
	if want := []string{"ebpf.tcp.io", "ebpf.tcp.segments", "ebpf.tcp.connection.active"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestHealthPeers(t *testing.T) {
	asked := 0
	w := newWard(Config{
		Off: off("ebpf.tcp.io"),
		PeerName: func(pid uint32, addr netip.Addr) string {
			asked++
			return map[string]string{"1 10.0.0.1": "db.example"}[fmt.Sprint(pid, " ", addr)]
		},
	})
	peer := func(role health.Role, addr string) health.Series {
		k := health.Key{PID: 1, Transport: health.TCP, V6: addr == "::1", Role: role, Peer: netip.MustParseAddr(addr)}
		return health.Series{Key: k}
	}
	for range 2 {
		requireLines(t, w.collect(process1(peer(health.Active, "10.0.0.1"), peer(health.Active, "10.0.0.2"), peer(health.Passive, "::1"))),
			"ebpf.tcp.connection.active 0 map[ebpf.connection.role:client network.peer.address:10.0.0.1 network.transport:tcp network.type:ipv4 server.address:db.example]",
			"ebpf.tcp.connection.active 0 map[ebpf.connection.role:client network.peer.address:10.0.0.2 network.transport:tcp network.type:ipv4]",
			"ebpf.tcp.connection.active 0 map[ebpf.connection.role:server network.peer.address:::1 network.transport:tcp network.type:ipv6]",
		)
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// off has all metrics off that are always there, but connection.active.
func off(names ...string) map[string]bool {
	m := map[string]bool{"ebpf.tcp.segments": true}
	for _, name := range names {
		m[name] = true
	}
	return m
}

func TestHealthOff(t *testing.T) {
	all := map[string]bool{"server.duration": true}
	for _, name := range HealthNames() {
		all[name] = true
	}
	w := newWard(Config{Off: all})
	r, c := newProcess(1, "a")
	w.Exchange(r, c, &proto.Exchange{Side: proto.Server}, w.now)
	if got := w.collect(process1(health.Series{Key: client(1), Values: everything()})); got.ResourceMetrics().Len() != 0 {
		t.Errorf("%q", lines(got))
	}
}

func TestHealthTimes(t *testing.T) {
	w := newWard(Config{})
	for i := range 5 {
		series := []health.Series{sent(client(1), 1)}
		if i >= 2 {
			series = append(series, sent(client(2), 1))
		}
		points := sums(w.collect(process1(series...)), "ebpf.tcp.io")
		for p, start := range []time.Time{t0, t0, t0.Add(20 * time.Second), t0.Add(20 * time.Second)}[:len(points)] {
			if points[p].StartTimestamp().AsTime() != start.UTC() || points[p].Timestamp().AsTime() != w.now.UTC() {
				t.Errorf("collection %d: from %s to %s", i, points[p].StartTimestamp(), points[p].Timestamp())
			}
		}
	}
	w.now = t0.Add(-time.Hour) // the wall clock steps back
	p := sums(w.collect(process1(sent(client(1), 1))), "ebpf.tcp.io")[0]
	if p.Timestamp() < p.StartTimestamp() {
		t.Errorf("from %s to %s", p.StartTimestamp(), p.Timestamp())
	}
}

func TestHealthSharesTheResource(t *testing.T) {
	w := newWard(Config{})
	r, c := newProcess(1, "shop")
	w.Exchange(r, c, &proto.Exchange{Side: proto.Server}, w.now)
	out := w.collect(Process{PID: 1, Resource: r, Series: []health.Series{sent(client(1), 1)}})
	if out.ResourceMetrics().Len() != 1 || out.ResourceMetrics().At(0).ScopeMetrics().Len() != 1 {
		t.Errorf("%d ResourceMetrics", out.ResourceMetrics().Len())
	}
}

func TestFlushWithoutACollection(t *testing.T) {
	w := newWard(Config{})
	w.collect(process1(sent(client(1), 1)))
	if got := w.Flush(w.now); got.ResourceMetrics().Len() != 0 {
		t.Errorf("%q", lines(got))
	}
	if got := w.collect(process1(sent(client(1), 1))); len(lines(got)) == 0 {
		t.Error("nothing after a collection that failed")
	}
}

func TestHealthExit(t *testing.T) {
	w := newWard(Config{MaxSeries: 2})
	p := process1(sent(client(1), 1))
	w.collect(p)
	p.Exited = true
	for i, n := range []uint64{2, 2, 3, 3, 3} { // it sends a last time after the exit was seen
		p.Series[0] = sent(client(1), n)
		got := w.collect(p)
		if delivered := len(lines(got)) > 0; delivered != (i < 4) || len(w.forgotten) > 0 != (i == 4) {
			t.Errorf("collection %d: %q, forgotten %v", i, lines(got), w.forgotten)
		}
	}
	if !slices.Equal(w.forgotten, []uint32{1}) || len(w.health.byPID) != 0 || len(w.health.processes) != 0 {
		t.Errorf("forgotten %v, %d remain", w.forgotten, len(w.health.byPID))
	}
	for name, n := range w.used {
		if n != 0 {
			t.Errorf("%s: %d places were not given back", name, n)
		}
	}
}

// The kernel still closes connections of a process that is no more.
func TestExitWaitsForConnections(t *testing.T) {
	w := newWard(Config{})
	p := process1(health.Series{Key: client(1), Values: health.Values{Active: 1}})
	p.Exited = true
	for range 10 {
		w.collect(p)
	}
	if w.forgotten != nil {
		t.Fatal("forgotten with an open connection")
	}
	p.Series[0].Active, p.Series[0].Closed = 0, 1
	for range 3 {
		w.collect(p)
	}
	if !slices.Equal(w.forgotten, []uint32{1}) {
		t.Errorf("forgotten %v", w.forgotten)
	}
}

func TestExitDoesNotWaitForEver(t *testing.T) {
	w := newWard(Config{})
	p := process1(health.Series{Key: client(1), Values: health.Values{Active: 1}})
	p.Exited = true
	w.collect(p)
	w.now = w.now.Add(idleAfter)
	w.collect(p)
	w.collect(p)
	if !slices.Equal(w.forgotten, []uint32{1}) {
		t.Errorf("forgotten %v", w.forgotten)
	}
}

func TestKernelForgets(t *testing.T) {
	w := newWard(Config{MaxSeries: 2, Off: off("ebpf.tcp.connection.active")})
	w.collect(process1(sent(client(1), 5)))
	if got := w.collect(process1(sent(client(2), 1))); len(lines(got)) != 2 || sums(got, "ebpf.tcp.io")[0].StartTimestamp().AsTime() != t0.Add(10*time.Second).UTC() {
		t.Errorf("%q", lines(got))
	}
	got := w.collect(process1(sent(client(2), 0))) // and it began anew
	if p := sums(got, "ebpf.tcp.io")[0]; p.IntValue() != 0 || p.StartTimestamp().AsTime() != t0.Add(20*time.Second).UTC() {
		t.Errorf("%q since %s", lines(got), p.StartTimestamp())
	}
	if got := w.collect(); len(lines(got)) != 0 || len(w.health.processes) != 0 || w.used["ebpf.tcp.io"] != 0 {
		t.Errorf("%q, %d places taken", lines(got), w.used["ebpf.tcp.io"])
	}
}

// One series does not change the resource it is of.
func TestHealthAfterExec(t *testing.T) {
	w := newWard(Config{})
	values := everything()
	p := process1(health.Series{Key: client(1), Values: values})
	w.collect(p)
	p.Resource = named("shop") // the cache made the same resource anew
	if got := w.collect(p); sums(got, "ebpf.tcp.io")[0].IntValue() != 1 {
		t.Errorf("%q", lines(got))
	}
	values.BytesSent += 10
	values.RTT.Count++
	values.RTT.SumNanos += 5e8
	values.RTT.Buckets = slices.Clone(values.RTT.Buckets)
	values.RTT.Buckets[2]++
	p.Resource, p.Series = named("curl"), []health.Series{{Key: client(1), Values: values}}
	out := w.collect(p)
	var got []string
	for _, m := range out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		got = append(got, m.Name())
	}
	if want := []string{"ebpf.tcp.io", "ebpf.tcp.segments", "ebpf.tcp.connection.active", "ebpf.tcp.rtt"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	io, active := sums(out, "ebpf.tcp.io"), sums(out, "ebpf.tcp.connection.active")[0]
	if io[0].IntValue() != 10 || io[1].IntValue() != 0 || active.IntValue() != 13 || io[0].StartTimestamp().AsTime() != t0.Add(20*time.Second).UTC() {
		t.Errorf("%q since %s", lines(out), io[0].StartTimestamp())
	}
	rtt := out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(3).Histogram().DataPoints().At(0)
	if rtt.Count() != 1 || rtt.Sum() != 0.5 || rtt.BucketCounts().At(1) != 0 || rtt.BucketCounts().At(2) != 1 {
		t.Errorf("%d, %g s, %v", rtt.Count(), rtt.Sum(), rtt.BucketCounts().AsRaw())
	}
}

func TestHealthOverflow(t *testing.T) {
	w := newWard(Config{MaxSeries: 2, Off: map[string]bool{"ebpf.tcp.segments": true}})
	rtt := func(port uint16) health.Series {
		s := sent(client(port), 10)
		s.RTT = durationsIn(health.RTTBounds, uint64(port))
		return s
	}
	var all []health.Series
	for port := range uint16(5) {
		all = append(all, rtt(port+1))
	}
	const own = "ebpf.connection.role:client network.io.direction:transmit network.transport:tcp network.type:ipv4 server.port:1]"
	for range 2 {
		out := w.collect(process1(all...))
		requireLines(t, out,
			"ebpf.tcp.io 10 map["+own,
			"ebpf.tcp.io 0 map[ebpf.connection.role:client network.io.direction:receive network.transport:tcp network.type:ipv4 server.port:1]",
			"ebpf.tcp.io 40 map[otel.metric.overflow:true]",
			"ebpf.tcp.connection.active 0 map[ebpf.connection.role:client network.transport:tcp network.type:ipv4 server.port:1]",
			"ebpf.tcp.connection.active 0 map[ebpf.connection.role:client network.transport:tcp network.type:ipv4 server.port:2]",
			"ebpf.tcp.connection.active 0 map[otel.metric.overflow:true]",
			"ebpf.tcp.rtt 1 map[ebpf.connection.role:client network.transport:tcp network.type:ipv4 server.port:1]",
			"ebpf.tcp.rtt 2 map[ebpf.connection.role:client network.transport:tcp network.type:ipv4 server.port:2]",
			"ebpf.tcp.rtt 12 map[otel.metric.overflow:true]",
		)
		if p := sums(out, "ebpf.tcp.io")[2]; p.StartTimestamp().AsTime() != t0.UTC() {
			t.Errorf("overflow since %s", p.StartTimestamp())
		}
	}
}

// What the kernel had no room for has no attributes, and takes no room here.
func TestKernelOverflow(t *testing.T) {
	w := newWard(Config{MaxSeries: 2, Off: off("ebpf.tcp.connection.active")})
	lost := health.Key{PID: 1, Transport: health.TCP, Overflow: true}
	requireLines(t, w.collect(process1(sent(lost, 7), sent(client(1), 1))),
		"ebpf.tcp.io 1 map[ebpf.connection.role:client network.io.direction:transmit network.transport:tcp network.type:ipv4 server.port:1]",
		"ebpf.tcp.io 0 map[ebpf.connection.role:client network.io.direction:receive network.transport:tcp network.type:ipv4 server.port:1]",
		"ebpf.tcp.io 7 map[otel.metric.overflow:true]",
	)
}

// An overflow of all processes has neither a process nor a transport.
func TestKernelOverflowOfAll(t *testing.T) {
	w := newWard(Config{Off: off("ebpf.tcp.io", "ebpf.udp.io", "ebpf.udp.datagrams", "ebpf.tcp.connection.active")})
	all := health.Series{Key: health.Key{Overflow: true}, Values: health.Values{Closed: 3}}
	requireLines(t, w.collect(Process{Resource: named("unknown_service"), Series: []health.Series{all}}),
		"ebpf.tcp.connection.count 3 map[otel.metric.overflow:true]",
	)
}

func TestCountersHaveBitsOfTheirOwn(t *testing.T) {
	var all uint64
	for _, i := range healthInstruments(nil) {
		for _, c := range i.counters {
			if c.bit == 0 || all&c.bit != 0 || i.mask&c.bit == 0 {
				t.Errorf("%s: bit %x of %x", i.name, c.bit, i.mask)
			}
			all |= c.bit
		}
	}
}

// TestEveryValueIsTold guards against a field that nothing renders.
func TestEveryValueIsTold(t *testing.T) {
	fields := reflect.TypeFor[health.Values]()
	for f := range fields.NumField() {
		var s health.Series
		v := reflect.ValueOf(&s.Values).Elem().Field(f)
		switch v.Kind() {
		case reflect.Uint64:
			v.SetUint(7)
		case reflect.Array:
			v.Index(0).SetUint(7)
		default:
			v.Set(reflect.ValueOf(durationsIn(make([]float64, 15), 7)))
		}
		told := false
		for _, i := range healthInstruments(nil) {
			for _, c := range i.counters {
				told = told || c.of(&s.Values) == 7
			}
		}
		if !told {
			t.Errorf("%s is not told", fields.Field(f).Name)
		}
	}
}
