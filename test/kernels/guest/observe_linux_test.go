package guest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// A span is what the tests look at of one.
type span struct {
	server     bool
	path       string
	status     int
	start, end time.Time
	attrs      pcommon.Map
	resource   pcommon.Map
}

// String is how a server or a client counts a request.
func (s span) String() string { return fmt.Sprintf("GET %s %d", s.path, s.status) }

// An observer is a running receiver. One serves many tests: to load the programs
// takes seconds under emulation.
type observer struct {
	tel *componenttest.Telemetry

	mu      sync.Mutex
	spans   []span
	lookups []span // of DNS
}

// create makes the receiver for one port and DNS, not started.
func create(t *testing.T, port int, sink consumer.Traces) (receiver.Traces, receiver.Metrics, *componenttest.Telemetry) {
	tel := componenttest.NewTelemetry()
	f := ebpfreceiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	conf := confmap.NewFromStringMap(map[string]any{"targets": map[string]any{
		"include": []any{map[string]any{"ports": []any{port, 53}}},
	}})
	require.NoError(t, conf.Unmarshal(cfg))
	set := receivertest.NewNopSettings(f.Type())
	set.TelemetrySettings = tel.NewTelemetrySettings()
	traces, err := f.CreateTraces(t.Context(), set, cfg, sink)
	require.NoError(t, err)
	metrics, err := f.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	return traces, metrics, tel
}

// observe starts the receiver on a port and stops it with the test.
func observe(t *testing.T, port int) *observer {
	o := new(observer)
	sink, err := consumer.NewTraces(o.take)
	require.NoError(t, err)
	traces, metrics, tel := create(t, port, sink)
	o.tel = tel
	for _, c := range []component.Component{traces, metrics} {
		require.NoError(t, c.Start(context.Background(), componenttest.NewNopHost()))
		t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
	}
	return o
}

func (o *observer) take(_ context.Context, td ptrace.Traces) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		resource := pcommon.NewMap()
		rs.Resource().Attributes().CopyTo(resource)
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				attrs := pcommon.NewMap()
				s.Attributes().CopyTo(attrs)
				code, _ := attrs.Get("http.response.status_code")
				list := &o.spans
				if _, ok := attrs.Get("dns.question.name"); ok {
					list = &o.lookups
				}
				*list = append(*list, span{
					server: s.Kind() == ptrace.SpanKindServer, path: pathOf(attrs), status: int(code.Int()),
					start: s.StartTimestamp().AsTime(), end: s.EndTimestamp().AsTime(), attrs: attrs, resource: resource,
				})
			}
		}
	}
	return nil
}

func pathOf(attrs pcommon.Map) string {
	if p, ok := attrs.Get("url.path"); ok {
		return p.Str()
	}
	full, _ := attrs.Get("url.full")
	_, rest, _ := strings.Cut(full.Str(), "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest = rest[i:]
	}
	return rest
}

// settle returns the spans since it was last called: when there are n, and a
// moment for any too many has passed, or when no more come.
func (o *observer) settle(n int) []span {
	last, since := -1, time.Now()
	for {
		o.mu.Lock()
		have := len(o.spans)
		if have != last {
			last, since = have, time.Now()
		}
		if wait := time.Since(since); wait > 5*time.Second || have >= n && wait > time.Second {
			spans := o.spans
			o.spans = nil
			o.mu.Unlock()
			return spans
		}
		o.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

// points returns a metric of the receiver about itself, by the values of some attributes.
func (o *observer) points(t *testing.T, name string, attributes ...string) map[string]int64 {
	m, err := o.tel.GetMetric(name)
	if err != nil {
		return nil // no points
	}
	values := make(map[string]int64)
	var data []metricdata.DataPoint[int64]
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		data = d.DataPoints
	case metricdata.Gauge[int64]:
		data = d.DataPoints
	default:
		t.Fatalf("%s is a %T", name, m.Data)
	}
	for _, p := range data {
		var key []string
		for _, name := range attributes {
			if v, ok := p.Attributes.Value(attribute.Key(name)); ok {
				key = append(key, v.AsString())
			}
		}
		values[strings.Join(key, " ")] += p.Value
	}
	maps.DeleteFunc(values, func(_ string, n int64) bool { return n == 0 })
	return values
}

// A program is a process whose input and output the test holds.
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, name string, args ...string) *program {
	cmd := apps.Command(name, args...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &program{cmd: cmd, in: in, out: bufio.NewReader(out)}
}

func (p *program) line(t *testing.T) string {
	s, err := p.out.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(s)
}

// startServer starts the Go server.
func startServer(t *testing.T) (p *program, port int) {
	p = start(t, "server", "127.0.0.1:0")
	addr, err := net.ResolveTCPAddr("tcp", p.line(t))
	require.NoError(t, err)
	return p, addr.Port
}

// counts ends the server and returns how often it answered what.
func (p *program) counts(t *testing.T) map[string]int {
	require.NoError(t, p.in.Close())
	counts := make(map[string]int)
	require.NoError(t, json.NewDecoder(p.out).Decode(&counts))
	return counts
}

// request runs the Go client to its end; pid is its process.
func request(t *testing.T, port int, args ...string) (results []apps.Result, pid int) {
	scheme := "http"
	if os.Getenv(apps.EnvCert) != "" {
		scheme = "https"
	}
	cmd := apps.Command("client", append([]string{"-url", fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)}, args...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, cmd.Run())
	require.NoError(t, json.Unmarshal(out.Bytes(), &results))
	return results, cmd.Process.Pid
}
