//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// An h2load is what the program of that name is to send.
type h2load struct {
	port, streams, n int
	paths            []string // in turns
	body             int      // bytes of each POST; 0: GET
	rate             int      // requests per second and connection; 0: as fast as can be
}

const h2loadConns = 4

// start starts it: a process of one thread with four connections.
func (l h2load) start(t testing.TB) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	var urls strings.Builder
	for _, p := range l.paths {
		fmt.Fprintln(&urls, url(l.port, p))
	}
	file := filepath.Join(dir, "urls")
	require.NoError(t, os.WriteFile(file, []byte(urls.String()), 0o600))
	args := []string{"-n", strconv.Itoa(l.n), "-c", strconv.Itoa(h2loadConns), "-m", strconv.Itoa(l.streams), "-i", file}
	if l.body > 0 {
		body := filepath.Join(dir, "body")
		require.NoError(t, os.WriteFile(body, make([]byte, l.body), 0o600))
		args = append(args, "-d", body)
	}
	if l.rate > 0 {
		args = append(args, "--rps", strconv.Itoa(l.rate))
	}
	cmd := exec.Command("h2load", args...)
	cmd.Stderr = os.Stderr
	return cmd
}

// run runs it to its end, and asks that all requests were answered.
func (l h2load) run(t testing.TB) {
	t.Helper()
	out, err := l.start(t).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), fmt.Sprintf("%d done", l.n))
}

// TestHTTP2Load holds the spans of both sides against what nginx logged.
func TestHTTP2Load(t *testing.T) { http2Load(t) }

// TestHTTP2LoadTLS is TestHTTP2Load over TLS.
func TestHTTP2LoadTLS(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		t.Run(version, func(t *testing.T) {
			speakTLS(t, version)
			http2Load(t)
		})
	}
}

func http2Load(t *testing.T) {
	for _, streams := range []int{1, 10, 100} {
		t.Run(strconv.Itoa(streams), func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			counts := nginxThat(t, port, "http2")
			l := h2load{port: port, streams: streams, n: 4000, paths: apps.Paths("load-", 40)}
			l.run(t)
			spans := o.settle(2 * l.n)
			o.requireHTTP2(t, counts(), spans)
		})
	}
}

// requireHTTP2 holds all spans against what the server counted.
func (o *observer) requireHTTP2(t *testing.T, counts map[string]int, spans []*Span) {
	t.Helper()
	requireCounts(t, counts, tally(spans, ptrace.SpanKindServer), "server spans")
	requireCounts(t, counts, tally(spans, ptrace.SpanKindClient), "client spans")
	for _, s := range spans {
		require.Equal(t, "2", s.Attrs["network.protocol.version"])
		require.NotContains(t, s.Attrs, "ebpf.capture.incomplete", "%v", s)
	}
	require.Empty(t, o.lost(t))
}

// TestHTTP2Files lets nginx send large bodies with sendfile.
func TestHTTP2Files(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	counts := nginxThat(t, port, "http2")
	h2load{port: port, streams: 10, n: 100, paths: []string{"/static/large"}}.run(t)
	spans := o.settle(200)
	o.requireHTTP2(t, counts(), spans)
	for _, s := range spans {
		require.Equal(t, largeFile, s.size("http.response.body.size"), "%v", s)
	}
}

// TestHTTP2Posts sends bodies to a server that reads them to their end.
func TestHTTP2Posts(t *testing.T) {
	const body = 70_000
	port := freePort(t)
	o := observe(t, onPort(port))
	counts := h2cServer(t, port)
	h2load{port: port, streams: 10, n: 200, paths: apps.Paths("post-", 10), body: body}.run(t)
	spans := o.settle(400)
	o.requireHTTP2(t, counts(), spans)
	for _, s := range spans {
		require.Equal(t, body, s.size("http.request.body.size"), "%v", s)
	}
}

// TestHTTP2Curl tries what curl has: HTTP/2 from the first byte on, and by upgrade.
func TestHTTP2Curl(t *testing.T) {
	for _, how := range []string{"--http2-prior-knowledge", "--http2"} {
		t.Run(how, func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			counts := h2cServer(t, port)
			for i := range 20 {
				to := url(port, fmt.Sprintf("/curl-%d", i))
				require.NoError(t, curlCommand("-sS", how, to, "-o", "/dev/null").Run())
			}
			o.requireHTTP2(t, counts(), o.settle(40))
		})
	}
}

// TestHTTP2Joined starts to observe while requests are under way, on connections
// that are older then. From soon after on, nothing is missing.
func TestHTTP2Joined(t *testing.T) {
	const each, settled = 1500, 20
	port := freePort(t)
	counts := nginxThat(t, port, "http2")
	paths := apps.Paths("joined-", each) // every connection asks for each once, in order
	cmd := h2load{port: port, streams: 4, n: h2loadConns * each, paths: paths, rate: 200}.start(t)
	require.NoError(t, cmd.Start())
	waitConnected(t, port)
	o := observe(t, onPort(port))
	require.NoError(t, cmd.Wait())
	spans := o.settle(2 * h2loadConns * each)
	sent := counts()
	lost := o.lost(t)
	delete(lost, "pipeline response_unpaired http2") // to requests that were sent before
	require.Empty(t, lost)
	requireFrom(t, paths, sent, tally(spans, ptrace.SpanKindServer), settled)
	// The client's :authority is an entry of a table that was not seen: no URL is said.
	clients := len(spans) - total(tally(spans, ptrace.SpanKindServer))
	require.InDelta(t, len(spans)-clients, clients, h2loadConns*4, "client spans: those under way at the start may differ")
}

func total(counts map[string]int) (n int) {
	for _, k := range counts {
		n += k
	}
	return n
}

// requireFrom asks that all is counted from soon after the first path that is.
func requireFrom(t *testing.T, paths []string, want, got map[string]int, soon int) {
	t.Helper()
	byPath := func(counts map[string]int, path string) (n int) {
		for key, k := range counts {
			if strings.HasPrefix(key, "GET "+path+" ") {
				n += k
			}
		}
		return n
	}
	first := slices.IndexFunc(paths, func(p string) bool { return byPath(got, p) > 0 })
	require.GreaterOrEqual(t, first, 0, "no path is known")
	t.Logf("known from path %d of %d on", first, len(paths))
	for _, p := range paths[min(first+soon, len(paths)-1):] {
		require.Equal(t, byPath(want, p), byPath(got, p), p)
	}
	for key, n := range got {
		require.LessOrEqual(t, n, want[key], key)
	}
}

// waitConnected waits until connections to a port are established.
func waitConnected(t testing.TB, port int) {
	t.Helper()
	require.Eventually(t, func() bool { return established(port) >= h2loadConns }, 10*time.Second, 5*time.Millisecond)
}
