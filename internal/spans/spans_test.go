package spans

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/correlate"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// boot is when the test's machine started.
const boot = 1_700_000_000 * time.Second

func newBuilder() *Builder {
	return New("scope", "v1.2.3", func() time.Duration { return boot })
}

func newResource(name string) pcommon.Resource {
	r := pcommon.NewResource()
	r.Attributes().PutStr("service.name", name)
	return r
}

func peer(s string) *conn.Conn { return &conn.Conn{Remote: netip.MustParseAddrPort(s)} }

// only returns the one span of a batch.
func only(t *testing.T, traces ptrace.Traces) ptrace.Span {
	t.Helper()
	if traces.SpanCount() != 1 {
		t.Fatalf("%d spans", traces.SpanCount())
	}
	return traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

// built returns the span of one exchange.
func built(t *testing.T, ctx correlate.Context, c *conn.Conn, x *proto.Exchange) ptrace.Span {
	t.Helper()
	b := newBuilder()
	b.Add(newResource("a"), ctx, c, x, 0)
	return only(t, b.Flush())
}

func TestServer(t *testing.T) {
	s := built(t, correlate.Context{
		Trace: pcommon.TraceID{1}, Span: pcommon.SpanID{2}, Parent: pcommon.SpanID{3},
		Flags: 0x301, State: "k=v",
	}, peer("10.0.0.7:4711"), &proto.Exchange{
		Name: "GET /users/{id}", Side: proto.Server,
		Start: 5 * time.Second, End: 6 * time.Second,
		Attrs: []proto.Attr{
			proto.Str("http.request.method", "GET").Dim(),
			proto.Int("http.response.status_code", 200).Dim(),
			proto.List("http.request.header.accept", []string{"a", "b"}),
		},
	})
	if s.TraceID() != (pcommon.TraceID{1}) || s.SpanID() != (pcommon.SpanID{2}) || s.ParentSpanID() != (pcommon.SpanID{3}) ||
		s.Flags() != 0x301 || s.TraceState().AsRaw() != "k=v" {
		t.Error("the identity is not the context's")
	}
	if s.Name() != "GET /users/{id}" || s.Kind() != ptrace.SpanKindServer || s.Status().Code() != ptrace.StatusCodeUnset {
		t.Errorf("%s %s %s", s.Name(), s.Kind(), s.Status().Code())
	}
	if s.StartTimestamp() != pcommon.Timestamp(boot+5*time.Second) || s.EndTimestamp() != pcommon.Timestamp(boot+6*time.Second) {
		t.Errorf("%s to %s", s.StartTimestamp(), s.EndTimestamp())
	}
	equal(t, s, map[string]any{
		string(semconv.HTTPRequestMethodKey):      "GET",
		string(semconv.HTTPResponseStatusCodeKey): int64(200),
		"http.request.header.accept":              []any{"a", "b"},
		string(semconv.NetworkPeerAddressKey):     "10.0.0.7",
		string(semconv.NetworkPeerPortKey):        int64(4711),
	})
}

func equal(t *testing.T, s ptrace.Span, want map[string]any) {
	t.Helper()
	if got := s.Attributes().AsRaw(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestFailedClient(t *testing.T) {
	s := built(t, correlate.Context{}, &conn.Conn{}, &proto.Exchange{Name: "GET", Side: proto.Client, Err: proto.ReasonReset})
	if s.Kind() != ptrace.SpanKindClient || s.Status().Code() != ptrace.StatusCodeError || s.Status().Message() != "" {
		t.Errorf("%s %s %q", s.Kind(), s.Status().Code(), s.Status().Message())
	}
	equal(t, s, map[string]any{string(semconv.ErrorTypeKey): "connection_reset"})
}

func TestPeer(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.7:80":          "10.0.0.7",
		"[::ffff:10.0.0.7]:80": "10.0.0.7",
		"[2001:db8::1]:80":     "2001:db8::1",
	} {
		s := built(t, correlate.Context{}, peer(remote), &proto.Exchange{})
		if v, _ := s.Attributes().Get("network.peer.address"); v.Str() != want {
			t.Errorf("%s: %q", remote, v.Str())
		}
	}
}

func TestIncomplete(t *testing.T) {
	for capture, want := range map[proto.Capture][]any{
		proto.CutHead:                        {"head_cut"},
		proto.Gap | proto.NoResponse:         {"gap", "response_lost"},
		proto.UnknownEnd:                     {"end_unknown"},
		proto.CutHead | proto.UnknownEnd:     {"head_cut", "end_unknown"},
		31 /* all of them, in this order */ : {"head_cut", "gap", "response_lost", "end_unknown", "header_table_unknown"},
	} {
		s := built(t, correlate.Context{}, &conn.Conn{}, &proto.Exchange{Capture: capture})
		equal(t, s, map[string]any{"ebpf.capture.incomplete": want})
	}
}

func TestEndIsNeverBeforeStart(t *testing.T) {
	s := built(t, correlate.Context{}, &conn.Conn{}, &proto.Exchange{Start: 5, End: 3})
	if s.StartTimestamp() != pcommon.Timestamp(boot+5) || s.EndTimestamp() != s.StartTimestamp() {
		t.Errorf("%d to %d", s.StartTimestamp(), s.EndTimestamp())
	}
}

func TestOneResourceSpansPerResource(t *testing.T) {
	b, a, z := newBuilder(), newResource("a"), newResource("z")
	for _, r := range []pcommon.Resource{a, z, a, a, z} {
		b.Add(r, correlate.Context{}, &conn.Conn{}, &proto.Exchange{}, 0)
	}
	if b.Len() != 5 {
		t.Errorf("Len is %d", b.Len())
	}
	traces := b.Flush()
	if traces.ResourceSpans().Len() != 2 {
		t.Fatalf("%d ResourceSpans", traces.ResourceSpans().Len())
	}
	for i, want := range []int{3, 2} {
		rs := traces.ResourceSpans().At(i)
		ss := rs.ScopeSpans().At(0)
		if rs.ScopeSpans().Len() != 1 || ss.Spans().Len() != want {
			t.Errorf("ResourceSpans %d: %d scopes, %d spans", i, rs.ScopeSpans().Len(), ss.Spans().Len())
		}
		if rs.SchemaUrl() != semconv.SchemaURL || ss.SchemaUrl() != semconv.SchemaURL {
			t.Errorf("schemas %q and %q", rs.SchemaUrl(), ss.SchemaUrl())
		}
		if ss.Scope().Name() != "scope" || ss.Scope().Version() != "v1.2.3" {
			t.Errorf("scope %q %q", ss.Scope().Name(), ss.Scope().Version())
		}
	}
}

func TestFlush(t *testing.T) {
	asked := 0
	b := New("scope", "", func() time.Duration { asked++; return time.Duration(asked) * time.Hour })
	if b.Flush().SpanCount() != 0 || asked != 0 {
		t.Error("an empty builder flushed something")
	}
	r := newResource("a")
	for range 3 {
		b.Add(r, correlate.Context{}, &conn.Conn{}, &proto.Exchange{}, 0)
	}
	first := b.Flush()
	b.Add(r, correlate.Context{}, &conn.Conn{}, &proto.Exchange{}, 0)
	second := only(t, b.Flush())
	if first.SpanCount() != 3 || b.Len() != 0 {
		t.Errorf("%d spans in the first batch, %d left", first.SpanCount(), b.Len())
	}
	if asked != 2 || second.StartTimestamp() != pcommon.Timestamp(2*time.Hour) {
		t.Errorf("asked %d times, second batch at %d", asked, second.StartTimestamp())
	}
	// The caller owns a batch, its resource too.
	first.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "changed")
	if v, _ := r.Attributes().Get("service.name"); v.Str() != "a" {
		t.Error("a batch shares the cached resource")
	}
}

func TestAddressesAreBounded(t *testing.T) {
	a := addresses{}
	for i := range 3 * maxAddresses {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if got := a.text(addr); got != addr.String() {
			t.Fatalf("%v became %q", addr, got)
		}
		if len(a) > maxAddresses {
			t.Fatalf("%d addresses are kept", len(a))
		}
	}
}

func TestTranslated(t *testing.T) {
	c := peer("10.9.9.9:80")
	c.TranslatedRemote = netip.MustParseAddrPort("10.0.0.2:8080")
	equal(t, built(t, correlate.Context{}, c, &proto.Exchange{}), map[string]any{
		string(semconv.NetworkPeerAddressKey): "10.9.9.9",
		string(semconv.NetworkPeerPortKey):    int64(80),
		"ebpf.nat.peer.address":               "10.0.0.2",
		"ebpf.nat.peer.port":                  int64(8080),
	})
	c = peer("10.0.0.1:4711")
	c.TranslatedLocal = netip.MustParseAddrPort("[2001:db8::9]:80")
	equal(t, built(t, correlate.Context{}, c, &proto.Exchange{}), map[string]any{
		string(semconv.NetworkPeerAddressKey): "10.0.0.1",
		string(semconv.NetworkPeerPortKey):    int64(4711),
		"ebpf.nat.local.address":              "2001:db8::9",
		"ebpf.nat.local.port":                 int64(80),
	})
}
