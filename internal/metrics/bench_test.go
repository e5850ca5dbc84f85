package metrics

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// request is an exchange as HTTP/1 emits it on the server side, answered with status.
func request(status int64) *proto.Exchange {
	return &proto.Exchange{
		Side: proto.Server, Start: time.Second, End: time.Second + 3*time.Millisecond,
		Attrs: []proto.Attr{
			proto.Str("http.request.method", "GET").Dim(),
			proto.Str("url.scheme", "http").Dim(),
			proto.Int("http.response.status_code", status).Dim(),
			proto.Str("network.protocol.version", "1.1").Dim(),
			proto.Str("url.path", "/users/4711"),
			proto.Str("url.query", "expand=orders&limit=20"),
			proto.Str("server.address", "shop.example.com"),
			proto.Int("server.port", 8080),
			proto.Str("client.address", "10.0.0.7"),
			proto.Str("user_agent.original", "curl/8.11.0"),
			proto.Int("http.request.body.size", 0),
			proto.Int("http.response.body.size", 1234),
		},
	}
}

// BenchmarkExchange records in one of 64 series: 8 processes with 8 statuses.
func BenchmarkExchange(b *testing.B) {
	a := New(Config{Scope: "scope", MaxSeries: 2000})
	var resources [8]pcommon.Resource
	var conns [8]*conn.Conn
	var exchanges [8]*proto.Exchange
	for i := range 8 {
		resources[i], conns[i] = newProcess(uint32(i), "a")
		exchanges[i] = request(int64(200 + i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := i / 8 % 8
		a.Exchange(resources[p], conns[p], exchanges[i%8], t0)
	}
}

// BenchmarkFlush delivers 2000 series, the most there are of one metric.
func BenchmarkFlush(b *testing.B) {
	a := New(Config{Scope: "scope", MaxSeries: 2000})
	for pid := range uint32(20) {
		r, c := newProcess(pid, "a")
		for status := range int64(100) {
			a.Exchange(r, c, request(status), t0)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		a.Flush(t0)
	}
}

func TestExchangeDoesNotAllocate(t *testing.T) {
	b := newBench(10)
	r, c := newProcess(1, "a")
	x := request(500)
	x.Err = "500"
	if n := testing.AllocsPerRun(100, func() { b.Exchange(r, c, x, t0) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// patients are processes with 2000 series.
func patients() []Process {
	var all []Process
	for pid := range uint32(100) {
		r, _ := newProcess(pid, "a")
		p := Process{PID: pid, Resource: r}
		for port := range uint16(20) {
			p.Series = append(p.Series, health.Series{Key: client(port + 1), Values: everything()})
		}
		all = append(all, p)
	}
	return all
}

// BenchmarkHealth renders 2000 series of the health of connections in which
// everything happened, and such in which nothing did but traffic.
func BenchmarkHealth(b *testing.B) {
	busy, calm := patients(), patients()
	for _, p := range calm {
		for i := range p.Series {
			p.Series[i] = sent(p.Series[i].Key, 1)
		}
	}
	for name, processes := range map[string][]Process{"everything": busy, "traffic": calm} {
		b.Run(name, func(b *testing.B) {
			a := New(Config{MaxSeries: 100_000, Start: t0})
			points := 0
			b.ReportAllocs()
			for b.Loop() {
				a.Health(t0, processes)
				points = a.Flush(t0).DataPointCount()
			}
			b.ReportMetric(float64(points), "points")
		})
	}
}
