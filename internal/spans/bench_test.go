package spans

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/correlate"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// batch is how many spans one Flush delivers in the benchmarks.
const batch = 256

// request is an exchange as HTTP/1 emits it on the server side.
func request() *proto.Exchange {
	return &proto.Exchange{
		Name: "GET /users/{id}", Side: proto.Server,
		Start: 5 * time.Second, End: 5*time.Second + 3*time.Millisecond,
		Attrs: []proto.Attr{
			proto.Str("http.request.method", "GET").Dim(),
			proto.Str("url.scheme", "http").Dim(),
			proto.Int("http.response.status_code", 200).Dim(),
			proto.Str("network.protocol.version", "1.1").Dim(),
			proto.Str("http.route", "/users/{id}"),
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

var (
	benchContext = correlate.Context{
		Trace: pcommon.TraceID{1}, Span: pcommon.SpanID{2}, Parent: pcommon.SpanID{3}, Flags: 0x301,
	}
	benchPeer = peer("10.0.0.7:4711")
)

func BenchmarkAdd(b *testing.B) {
	builder, r, x := newBuilder(), newResource("a"), request()
	b.ReportAllocs()
	for b.Loop() {
		builder.Add(r, benchContext, benchPeer, x, 0)
		if builder.Len() == batch {
			builder.Flush()
		}
	}
}

// BenchmarkFloor makes the same spans of constants: what pdata itself costs.
func BenchmarkFloor(b *testing.B) {
	r := newResource("a")
	b.ReportAllocs()
	traces, spans := emptyBatch(r)
	for b.Loop() {
		fill(spans.AppendEmpty())
		if spans.Len() == batch {
			traces, spans = emptyBatch(r)
		}
	}
	_ = traces
}

func emptyBatch(r pcommon.Resource) (ptrace.Traces, ptrace.SpanSlice) {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	r.CopyTo(rs.Resource())
	return traces, rs.ScopeSpans().AppendEmpty().Spans()
}

func fill(s ptrace.Span) {
	s.SetTraceID(benchContext.Trace)
	s.SetSpanID(benchContext.Span)
	s.SetParentSpanID(benchContext.Parent)
	s.SetFlags(benchContext.Flags)
	s.SetName("GET /users/{id}")
	s.SetKind(ptrace.SpanKindServer)
	s.SetStartTimestamp(1)
	s.SetEndTimestamp(2)
	m := s.Attributes()
	m.EnsureCapacity(15)
	m.PutStr("http.request.method", "GET")
	m.PutStr("url.scheme", "http")
	m.PutInt("http.response.status_code", 200)
	m.PutStr("network.protocol.version", "1.1")
	m.PutStr("http.route", "/users/{id}")
	m.PutStr("url.path", "/users/4711")
	m.PutStr("url.query", "expand=orders&limit=20")
	m.PutStr("server.address", "shop.example.com")
	m.PutInt("server.port", 8080)
	m.PutStr("client.address", "10.0.0.7")
	m.PutStr("user_agent.original", "curl/8.11.0")
	m.PutInt("http.request.body.size", 0)
	m.PutInt("http.response.body.size", 1234)
	m.PutStr("network.peer.address", "10.0.0.7")
	m.PutInt("network.peer.port", 4711)
}
