//go:build linux

package e2e

import (
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// seconds is an attribute that is a time; negative when it is absent.
func (s *Span) seconds(key string) float64 {
	if v, ok := s.Attrs[key].(float64); ok {
		return v
	}
	return -1
}

// requireSum holds the parts of a span to its duration.
func requireSum(t testing.TB, s *Span) {
	t.Helper()
	sum := 0.0
	for key, v := range s.Attrs {
		name, ok := strings.CutPrefix(key, "ebpf.latency.")
		if ok && !slices.Contains([]string{"dns", "connect", "tls", "delivery"}, name) { // before and after
			sum += v.(float64)
		}
	}
	took := s.End.Sub(s.Start).Seconds()
	require.InDelta(t, took, sum, took/100, "the parts add up: %v", s)
}

// requireAbout holds a time to what the program knows of it, in seconds. What
// the machine took from the programs is in it too.
func requireAbout(t testing.TB, want float64, s *Span, key string) {
	t.Helper()
	got := s.seconds(key)
	require.GreaterOrEqual(t, got, want-0.002, "%s of %v", key, s)
	require.LessOrEqual(t, got, want+math.Max(0.1, want/2), "%s of %v", key, s)
}

func TestLatencyOfApplication(t *testing.T) {
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	goServer(t, addr)
	o := observe(t, onPort(port))
	goClient(t, "-n", "3", "-url", "http://"+addr, "-path", "/sleep/60")
	spans := o.await(6, anySpan)
	require.Len(t, spans, 6)
	fresh := 0
	for _, s := range spans {
		requireSum(t, s)
		require.Zero(t, s.Attrs["ebpf.tcp.retransmits"])
		if s.Kind == ptrace.SpanKindServer {
			require.Equal(t, "application", s.Attrs["ebpf.verdict"])
			requireAbout(t, 0.060, s, "ebpf.latency.application")
			require.GreaterOrEqual(t, s.seconds("ebpf.latency.receive_queue"), 0.0)
			require.GreaterOrEqual(t, s.seconds("ebpf.latency.delivery"), 0.0)
			continue
		}
		require.Equal(t, "peer", s.Attrs["ebpf.verdict"])
		requireAbout(t, 0.060, s, "ebpf.latency.remote")
		if s.Attrs["ebpf.connection.reused"] == false {
			fresh++
			require.Greater(t, s.seconds("ebpf.latency.connect"), 0.0)
		}
	}
	require.Equal(t, 1, fresh, "requests on a fresh connection")
}

// rough serves one connection: it waits before it accepts, before it reads,
// before it answers, and reads no more.
const rough = `
import socket, sys, time
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("127.0.0.1", int(sys.argv[1]))); l.listen(1)
print("ready", flush=True)
accept, read, think, size = (float(x) for x in sys.argv[2:6])
time.sleep(accept); c, _ = l.accept()
time.sleep(read); c.recv(65536)
time.sleep(think)
c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * int(size))
sys.stdin.read()
`

// caller sends one request and reads its answer after a while.
const caller = `
import socket, sys, time
c = socket.socket()
c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
c.connect(("127.0.0.1", int(sys.argv[1])))
c.sendall(b"GET /rough HTTP/1.1\r\nHost: x\r\n\r\n")
time.sleep(float(sys.argv[2]))
got = b""
while not got.partition(b"\r\n\r\n")[1]: got += c.recv(4096)
head, _, body = got.partition(b"\r\n\r\n")
size = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
n = len(body)
while n < size: n += len(c.recv(65536))
print(n, flush=True)
sys.stdin.read()
`

// roughly runs one request with the waits of the server and of the client.
func roughly(t *testing.T, config string, accept, read, think, size, readAfter string) (client, server *Span) {
	t.Helper()
	port := fmt.Sprint(freePort(t))
	o := observe(t, fmt.Sprintf("{targets: {include: [{ports: [%s]}]}, %s}", port, config))
	s := start(t, exec.Command("python3", "-c", rough, port, accept, read, think, size))
	require.Equal(t, "ready", s.line(t))
	c := start(t, exec.Command("python3", "-c", caller, port, readAfter))
	require.Equal(t, size, c.line(t))
	return o.pair(t, "/rough")
}

func TestLatencyOfQueues(t *testing.T) {
	t.Run("accept", func(t *testing.T) {
		_, server := roughly(t, "latency: {trace_accept_syscalls: true}", "1.5", "0.2", "0.1", "5", "0")
		requireSum(t, server)
		require.Equal(t, "application", server.Attrs["ebpf.verdict"])
		require.Greater(t, server.seconds("ebpf.latency.accept_queue"), 0.5)
		requireAbout(t, 0.2, server, "ebpf.latency.receive_queue")
		requireAbout(t, 0.1, server, "ebpf.latency.application")
	})
	t.Run("read", func(t *testing.T) {
		client, server := roughly(t, "latency: {threshold: 20ms}", "0", "0.3", "0", "5", "0")
		requireSum(t, server)
		requireSum(t, client)
		require.Equal(t, "application", server.Attrs["ebpf.verdict"])
		requireAbout(t, 0.3, server, "ebpf.latency.receive_queue")
		require.Equal(t, "peer", client.Attrs["ebpf.verdict"])
	})
	t.Run("send", func(t *testing.T) {
		client, server := roughly(t, "latency: {threshold: 20ms}", "0", "0", "0", "20000000", "0.5")
		requireSum(t, server)
		requireSum(t, client)
		requireAbout(t, 0.5, server, "ebpf.latency.send_queue")
		require.Equal(t, "client", server.Attrs["ebpf.verdict"])
		require.Positive(t, server.Attrs["ebpf.tcp.zero_windows"])
		requireAbout(t, 0.5, client, "ebpf.latency.receive_queue")
		require.Equal(t, "application", client.Attrs["ebpf.verdict"])
	})
}

func TestLatencyOff(t *testing.T) {
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	goServer(t, addr)
	o := observe(t, fmt.Sprintf("{targets: {include: [{ports: [%d]}]}, latency: {enabled: false}}", port))
	goClient(t, "-n", "1", "-url", "http://"+addr, "-path", "/sleep/20")
	spans := o.await(2, anySpan)
	require.Len(t, spans, 2)
	for _, s := range spans {
		for key := range s.Attrs {
			require.False(t, strings.HasPrefix(key, "ebpf."), "%v", s)
		}
		require.WithinDuration(t, s.Start, s.End, time.Second)
	}
}
