package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
)

const (
	request  = "GET /products/17?color=red HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n"
	response = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 22:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\nhello\n"
)

func bytesOf[T any](t *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t)) }

// exchanges yields the two records of each request on a keep-alive connection.
type exchanges struct {
	take    func([]byte)
	in, out []byte
	rx, tx  uint64
}

func newExchanges(take func([]byte)) *exchanges {
	open := bpf.RawWireOpen{
		H: bpf.RawWireHeader{Kind: uint16(event.Open), Tgid: 1, Conn: 1}, Role: event.RolePassive,
		Family: 2, LocalPort: 8080, RemotePort: 40000, Local: [16]uint8{127, 0, 0, 1}, Remote: [16]uint8{127, 0, 0, 1},
	}
	process := bpf.RawWireProcess{H: bpf.RawWireHeader{Kind: uint16(event.Process), Tgid: 1}, ExeAt: 256, CgroupAt: 256}
	take(bytesOf(&process))
	take(bytesOf(&open))
	data := func(text string, flags uint16) []byte {
		d := bpf.RawWireData{
			H:    bpf.RawWireHeader{Kind: uint16(event.Data), Flags: flags | event.Run | event.End, Tgid: 1, Conn: 1, Time: 1e9},
			Size: uint32(len(text)), Captured: uint16(len(text)),
			Meter: bpf.RawWireMeter{SrttUs: 30, MinRttUs: 10},
		}
		if flags&event.Sent == 0 {
			d.Arrived, d.Acked = 1e9-1e4, 1e9-1e5 // the request tells of the response before it
		}
		return append(bytes.Clone(bytesOf(&d)), text...)
	}
	return &exchanges{take: take, in: data(request, 0), out: data(response, event.Sent)}
}

// one yields the records of one request and its response.
func (x *exchanges) one() {
	offset := unsafe.Offsetof(bpf.RawWireData{}.Offset)
	binary.NativeEndian.PutUint64(x.in[offset:], x.rx)
	binary.NativeEndian.PutUint64(x.in[offset+8:], x.tx)
	x.rx += uint64(len(request))
	binary.NativeEndian.PutUint64(x.out[offset:], x.tx)
	binary.NativeEndian.PutUint64(x.out[offset+8:], x.rx)
	x.tx += uint64(len(response))
	x.take(x.in)
	x.take(x.out)
}

func benchPipeline(traces, latency bool) *Pipeline {
	c := Config{
		Protocols: all.Protocols(all.Config{}), Verdict: func(uint64, event.Verdict) {}, Lanes: 1,
		Interval: time.Hour, MaxConnections: 100, MaxSeries: 100, Offset: func() time.Duration { return 0 },
		Metrics: func(context.Context, pmetric.Metrics) {},
	}
	if traces {
		c.Traces = func(context.Context, ptrace.Traces) {}
	}
	if latency {
		c.Latency = &Latency{Slow: 10 * time.Millisecond}
	}
	return New(c)
}

// BenchmarkExchange is the way of one request from two kernel records to a span
// and a point in a histogram.
func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct {
		name            string
		traces, latency bool
	}{{"metrics", false, false}, {"spans+metrics", true, false}, {"spans+metrics+latency", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			p := benchPipeline(c.traces, c.latency)
			x := newExchanges(p.lanes[0].record)
			go func() { p.traces.run(b.Context()) }()
			b.ReportAllocs()
			for b.Loop() {
				x.one()
			}
			require.Equal(b, uint64(b.N), p.Totals().Exchanges["http1"])
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "exchanges/s")
		})
	}
}
