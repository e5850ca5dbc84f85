//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestPropagation sends requests of a trace: the server span joins it, unless
// what was sent is malformed.
func TestPropagation(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	for i, c := range []struct {
		traceparent string
		flags       uint32
		joins       bool
	}{
		{"00-" + trace + "-" + parent + "-01", 1, true},
		{"00-" + trace + "-" + parent + "-00", 0, true},
		{"cc-" + trace + "-" + parent + "-01-what-the-future-brings", 1, true},
		{"ff-" + trace + "-" + parent + "-01", 0, false},
		{"00-" + strings.Repeat("0", 32) + "-" + parent + "-01", 0, false},
		{"00-" + trace + "-" + strings.Repeat("0", 16) + "-01", 0, false},
		{"00-" + strings.ToUpper(trace) + "-" + parent + "-01", 0, false},
		{"00-" + trace + "-" + parent, 0, false},
		{"nonsense", 0, false},
	} {
		t.Run(c.traceparent, func(t *testing.T) {
			path := fmt.Sprintf("/s/200/%d", i)
			curl(t, "-H", "traceparent: "+c.traceparent, "-H", "tracestate: vendor=one,other=two", url(port, path))
			_, server := o.pair(t, path)
			if !c.joins {
				require.NotEqual(t, trace, server.raw.TraceID().String())
				require.True(t, server.raw.ParentSpanID().IsEmpty())
				require.Empty(t, server.raw.TraceState().AsRaw())
				return
			}
			require.Equal(t, trace, server.raw.TraceID().String())
			require.Equal(t, parent, server.raw.ParentSpanID().String())
			require.Equal(t, c.flags, server.raw.Flags()&1, "sampled flag")
			require.Equal(t, "vendor=one,other=two", server.raw.TraceState().AsRaw())
		})
	}
}

// TestResource names services by the environment of their processes, also of
// one that has exited before its span is built.
func TestResource(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	server := apps.Command("server", local(port))
	server.Env = append(server.Env, "OTEL_SERVICE_NAME=shop", "OTEL_RESOURCE_ATTRIBUTES=service.version=1.2,deployment.environment.name=test%20bed,service.name=ignored")
	p := start(t, server)
	p.line(t)
	for i := range 10 {
		path := fmt.Sprintf("/s/200/%d", i)
		cmd := curlCommand("-s", "-o", "/dev/null", url(port, path))
		cmd.Env = append(cmd.Env, "SECRET=nobody", "OTEL_RESOURCE_ATTRIBUTES=service.name=customer,team=red")
		require.NoError(t, cmd.Run())
		client, server := o.pair(t, path)

		require.Equal(t, "shop", server.Resource["service.name"])
		require.Equal(t, "1.2", server.Resource["service.version"])
		require.Equal(t, "test bed", server.Resource["deployment.environment.name"])
		require.EqualValues(t, p.cmd.Process.Pid, server.Resource["process.pid"])

		require.Equal(t, "customer", client.Resource["service.name"])
		require.Equal(t, "red", client.Resource["team"])
		require.EqualValues(t, cmd.Process.Pid, client.Resource["process.pid"])
		require.NotEmpty(t, client.Resource["host.name"])
		require.NotContains(t, fmt.Sprint(client.Resource), "nobody")
	}
}

// TestSecrets looks for a secret in everything that is told of a request.
func TestSecrets(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	curl(t, "-H", "Authorization: Bearer hunter2", "-H", "Cookie: id=hunter2", "-u", "me:hunter2",
		url(port, "/s/200/x?token=hunter2&page=3&password=hunter2&%74oken=hunter2&sig=hunter2"))
	client, server := o.pair(t, "/s/200/x")
	const query = "token=REDACTED&page=3&password=REDACTED&%74oken=REDACTED&sig=REDACTED"
	require.Equal(t, query, server.Attrs["url.query"])
	require.Equal(t, url(port, "/s/200/x?"+query), client.Attrs["url.full"])
	for _, s := range []*Span{client, server} {
		require.NotContains(t, fmt.Sprint(s.Name, s.Attrs, s.Resource), "hunter2")
	}
}

// TestConfiguredContent records headers and routes, and redacts what it was told to.
func TestConfiguredContent(t *testing.T) {
	port := freePort(t)
	o := observe(t, fmt.Sprintf(`
targets: {include: [{ports: [%d]}]}
http:
  request_headers: [X-Request-Id, Accept]
  response_headers: [Content-Type, X-Long]
  routes: ["/s/{status}/{name}", "/head/{n}"]
  sensitive_query_parameters: [page]
  known_methods: [GET]
`, port))
	goServerOn(t, port)
	curl(t, "-H", "x-request-id: one", "-H", "X-Request-ID: two", url(port, "/head/3?page=1&token=2"))
	client, server := o.pair(t, "/head/3")
	for _, s := range []*Span{client, server} {
		require.Equal(t, []any{"one", "two"}, s.Attrs["http.request.header.x-request-id"])
		require.Equal(t, []any{"*/*"}, s.Attrs["http.request.header.accept"])
		require.Equal(t, []any{"xxx"}, s.Attrs["http.response.header.x-long"])
		require.NotContains(t, s.Attrs, "http.response.header.content-type")
	}
	require.Equal(t, "/head/{n}", server.Attrs["http.route"])
	require.Equal(t, "GET /head/{n}", server.Name)
	require.Equal(t, "page=REDACTED&token=2", server.Attrs["url.query"])

	curl(t, "-X", "DELETE", url(port, "/s/200/x"))
	client, server = o.pair(t, "/s/200/x")
	for _, s := range []*Span{client, server} {
		require.Equal(t, "_OTHER", s.Attrs["http.request.method"])
		require.Equal(t, "DELETE", s.Attrs["http.request.method_original"])
	}
	require.Equal(t, "HTTP /s/{status}/{name}", server.Name)
	require.Equal(t, []any{"text/plain; charset=utf-8"}, server.Attrs["http.response.header.content-type"])
}

// TestNotHTTP moves megabytes of other things over an observed port: no spans,
// and the kernel side stops telling of them.
func TestNotHTTP(t *testing.T) {
	for _, what := range []string{"bytes", "lines"} {
		t.Run(what, func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			start(t, apps.Command("echo", local(port))).line(t)
			require.NoError(t, apps.Command("noise", local(port), what, "8000").Run())
			require.Empty(t, o.settle(0))
			t.Logf("%d records", o.records(t))
			require.Less(t, o.records(t), int64(8000), "records of 32000 calls")
			require.Empty(t, o.lost(t))
			require.Zero(t, o.total(t, "otelcol_ebpf_connections"))
		})
	}
}

// TestNotHTTPLater mutes a connection that was quiet when it was found out.
func TestNotHTTPLater(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	start(t, apps.Command("echo", local(port))).line(t)
	end := dial(t, local(port))
	say := func() {
		end.write(t, "HELO there\r\n")
		end.expect(t, "HELO there\r\n")
	}
	say()
	o.settle(0)
	before := o.records(t)
	for range 100 {
		say()
	}
	require.Empty(t, o.settle(0))
	require.Less(t, o.records(t)-before, int64(5), "records once muted")
}

// TestHistograms holds the metrics against the spans: both tell of all requests.
func TestHistograms(t *testing.T) {
	const n = 500
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	goClient(t, "-url", url(port, ""), "-n", fmt.Sprint(n), "-c", "8")
	curl(t, url(port, "/sleep/300"))
	spans := o.settle(2 * (n + 1))
	o.stop() // the last metrics come at the end
	for _, c := range []struct {
		metric string
		kind   ptrace.SpanKind
	}{
		{"http.server.request.duration", ptrace.SpanKindServer},
		{"http.client.request.duration", ptrace.SpanKindClient},
	} {
		var seconds float64
		statuses := make(map[string]uint64)
		for _, s := range spans {
			if s.Kind == c.kind {
				seconds += s.End.Sub(s.Start).Seconds()
				statuses[fmt.Sprint(s.code())]++
			}
		}
		h := o.histogram(t, c.metric)
		require.EqualValues(t, n+1, h.count, c.metric)
		require.Equal(t, statuses, h.byStatus, c.metric)
		require.InDelta(t, seconds, h.sum, 1e-3, c.metric)
		require.Equal(t, h.count, h.inBuckets, c.metric)
	}
}
