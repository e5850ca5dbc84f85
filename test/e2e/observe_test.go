//go:build linux

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"runtime"
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
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.yaml.in/yaml/v3"

	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// The first thread is the one that /proc/net and /proc/self speak of. It stays with
// TestMain, so that none that has to end in another network namespace is it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	apps.Main()
	os.Exit(m.Run())
}

// A Span is what the tests look at of a span.
type Span struct {
	Kind       ptrace.SpanKind
	Name       string
	Start, End time.Time
	Status     ptrace.StatusCode
	Attrs      map[string]any
	Resource   map[string]any
	Arrived    time.Time
	raw        ptrace.Span
}

func (s *Span) path() string {
	if p, ok := s.Attrs["url.path"].(string); ok {
		return p
	}
	u, _ := s.Attrs["url.full"].(string)
	_, rest, _ := strings.Cut(u, "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest = rest[i:]
	}
	return rest
}

// String shows the span in the messages of failed tests.
func (s *Span) String() string {
	return fmt.Sprintf("%v %s %s %d %v %v", s.Kind, s.Attrs["http.request.method"], s.path(), s.code(), s.End.Sub(s.Start), s.Attrs)
}

func (s *Span) code() int {
	n, _ := s.Attrs["http.response.status_code"].(int64)
	return int(n)
}

// An observer is a running receiver and what it delivered.
type observer struct {
	mu      sync.Mutex
	spans   []*Span
	metrics *consumertest.MetricsSink
	tel     *componenttest.Telemetry
	stop    func()
}

// observe starts the receiver with a configuration in YAML, and stops it with the test.
func observe(t testing.TB, config string) *observer {
	t.Helper()
	o := &observer{metrics: new(consumertest.MetricsSink), tel: componenttest.NewTelemetry()}
	f := ebpfreceiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(config), &tree))
	require.NoError(t, confmap.NewFromStringMap(tree).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))

	set := receivertest.NewNopSettings(f.Type())
	set.TelemetrySettings = o.tel.NewTelemetrySettings()
	sink, err := consumer.NewTraces(o.take)
	require.NoError(t, err)
	traces, err := f.CreateTraces(t.Context(), set, cfg, sink)
	require.NoError(t, err)
	metrics, err := f.CreateMetrics(t.Context(), set, cfg, o.metrics)
	require.NoError(t, err)
	host := componenttest.NewNopHost()
	for _, c := range []component.Component{traces, metrics} {
		require.NoError(t, c.Start(context.Background(), host))
	}
	var once sync.Once
	o.stop = func() {
		once.Do(func() {
			begin := time.Now()
			require.NoError(t, traces.Shutdown(context.Background()))
			require.NoError(t, metrics.Shutdown(context.Background()))
			require.Less(t, time.Since(begin), 2*time.Second, "shutdown")
		})
	}
	t.Cleanup(o.stop)
	return o
}

func (o *observer) take(_ context.Context, td ptrace.Traces) error {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		resource := rs.Resource().Attributes().AsRaw()
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				o.spans = append(o.spans, &Span{
					Kind: s.Kind(), Name: s.Name(), Start: s.StartTimestamp().AsTime(), End: s.EndTimestamp().AsTime(),
					Status: s.Status().Code(), Attrs: s.Attributes().AsRaw(), Resource: resource, Arrived: now, raw: s,
				})
			}
		}
	}
	return nil
}

// settle waits until n spans came, or no more come, and a moment for any too many.
func (o *observer) settle(n int) []*Span {
	last, since := -1, time.Now()
	for {
		o.mu.Lock()
		have := len(o.spans)
		o.mu.Unlock()
		if have != last {
			last, since = have, time.Now()
		}
		if wait := time.Since(since); wait > 3*time.Second || have >= n && wait > 400*time.Millisecond {
			o.mu.Lock()
			defer o.mu.Unlock()
			return append([]*Span(nil), o.spans...)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// seen returns the spans that came and match, oldest first.
func (o *observer) seen(match func(*Span) bool) (found []*Span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.spans {
		if match(s) {
			found = append(found, s)
		}
	}
	return found
}

// await waits for n spans that match, and a moment for any too many.
func (o *observer) await(n int, match func(*Span) bool) []*Span {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if len(o.seen(match)) >= n {
			time.Sleep(250 * time.Millisecond)
			break
		}
	}
	return o.seen(match)
}

// pair waits for the two spans of the one request with a path.
func (o *observer) pair(t testing.TB, path string) (client, server *Span) {
	t.Helper()
	spans := o.await(2, at(path))
	for _, s := range spans {
		if s.Kind == ptrace.SpanKindServer {
			server = s
		} else {
			client = s
		}
	}
	require.Len(t, spans, 2, "spans of %s: %v", path, spans)
	require.NotNil(t, client, "client span of %s", path)
	require.NotNil(t, server, "server span of %s", path)
	return client, server
}

// at matches the spans with a path, with and without a query.
func at(path string) func(*Span) bool {
	return func(s *Span) bool {
		p, _, _ := strings.Cut(s.path(), "?")
		return p == path
	}
}

func anySpan(*Span) bool { return true }

// records returns how many records the receiver has read.
func (o *observer) records(t testing.TB) int64 { return o.total(t, "otelcol_ebpf_records") }

// total returns the sum of all points of one of the receiver's own metrics.
func (o *observer) total(t testing.TB, name string) (n int64) {
	t.Helper()
	m, err := o.tel.GetMetric(name)
	if err != nil {
		return 0
	}
	for _, v := range points(m) {
		n += v
	}
	return n
}

// lost returns the losses the receiver counted, by "stage reason part".
func (o *observer) lost(t testing.TB) map[string]int64 {
	t.Helper()
	m, err := o.tel.GetMetric("otelcol_ebpf_lost")
	if err != nil {
		return nil
	}
	lost := points(m)
	maps.DeleteFunc(lost, func(_ string, n int64) bool { return n == 0 })
	return lost
}

// freePort returns a TCP port nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// A program is a process a test started.
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a command whose input and output the test holds; it ends with the test.
func start(t testing.TB, cmd *exec.Cmd) *program {
	t.Helper()
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

func (p *program) line(t testing.TB) string {
	t.Helper()
	s, err := p.out.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(s)
}

// goServer starts the Go server; the function it returns ends it and gives its counts.
func goServer(t testing.TB, addr string) (*program, func() map[string]int) {
	t.Helper()
	p := start(t, apps.Command("server", addr))
	p.line(t)
	return p, func() map[string]int { return p.counts(t) }
}

// goClient runs the Go client to its end.
func goClient(t testing.TB, args ...string) []apps.Result {
	t.Helper()
	out, err := apps.Command("client", args...).Output()
	require.NoError(t, err)
	var results []apps.Result
	require.NoError(t, json.Unmarshal(out, &results))
	return results
}

func onPort(port int) string {
	return fmt.Sprintf("{collection_interval: 1s, targets: {include: [{ports: [%d]}]}}", port)
}

// waitListen waits until something listens on a port.
func waitListen(t testing.TB, port int) {
	t.Helper()
	require.Eventually(t, func() bool { return listening(port) }, 10*time.Second, 20*time.Millisecond)
}

// listening looks in /proc/net, for a connection to try would be observed.
func listening(port int) bool { return inProcNet(port, "0A") > 0 }

// established is how many connections somebody listening on a port has.
func established(port int) int { return inProcNet(port, "01") }

// inProcNet counts sockets of a local port in a state, as /proc/net/tcp writes it.
func inProcNet(port int, state string) (n int) {
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 3 && f[3] == state && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				n++
			}
		}
	}
	return n
}
