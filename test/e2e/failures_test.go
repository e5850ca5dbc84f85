//go:build linux

package e2e

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// requireUnanswered checks a span of a request without an answer.
func requireUnanswered(t *testing.T, s *Span) {
	t.Helper()
	require.Equal(t, ptrace.StatusCodeError, s.Status, "%v", s)
	require.NotContains(t, s.Attrs, "http.response.status_code", "%v", s)
	require.Contains(t, []any{"connection_closed", "connection_reset"}, s.Attrs["error.type"], "%v", s)
}

// TestUnanswered ends connections before the answer, in every way.
func TestUnanswered(t *testing.T) {
	for _, path := range []string{"/reset", "/close"} {
		t.Run(path, func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			goServerOn(t, port)
			_, err := tryCurl(t, url(port, path))
			require.Error(t, err)
			client, server := o.pair(t, path)
			requireUnanswered(t, client)
			requireUnanswered(t, server)
			requireEnclosed(t, []*Span{client})
			require.Empty(t, o.lost(t))
		})
	}
}

// TestKilledServer kills the server in the middle of a request.
func TestKilledServer(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	server, _ := goServer(t, local(port))
	failed := make(chan error)
	go func() { failed <- curlCommand("-s", url(port, "/sleep/60000")).Run() }()
	waitRecords(t, o)
	require.NoError(t, server.cmd.Process.Kill())
	require.Error(t, <-failed)
	c, s := o.pair(t, "/sleep/60000")
	requireUnanswered(t, c)
	requireUnanswered(t, s)
	require.Equal(t, int64(server.cmd.Process.Pid), s.Resource["process.pid"])
}

// TestKilledClient kills the client in the middle of an answer.
func TestKilledClient(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	server := listen(t, local(port))
	client := dial(t, local(port))
	request := "GET /half HTTP/1.1\r\nHost: half\r\n\r\n"
	client.write(t, request)
	server.expect(t, request)
	answer := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"
	server.write(t, answer)
	client.expect(t, answer)
	require.NoError(t, client.cmd.Process.Kill())
	require.Zero(t, server.do(t, apps.Order{Do: "drain"}).N)
	require.NoError(t, server.in.Close())
	c, s := o.pair(t, "/half")
	for _, span := range []*Span{c, s} { // the head came, the rest did not
		require.Equal(t, 200, span.code(), "%v", span)
		require.Contains(t, []any{"connection_closed", "connection_reset"}, span.Attrs["error.type"], "%v", span)
	}
}

// waitRecords waits until the receiver has read records of the connection: the
// request is under way.
func waitRecords(t *testing.T, o *observer) {
	t.Helper()
	require.Eventually(t, func() bool { return o.total(t, "otelcol_ebpf_connections") == 2 },
		5*time.Second, 10*time.Millisecond)
}

// TestGivenUp is about a client that does not wait for the answer.
func TestGivenUp(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	_, err := tryCurl(t, "-m", "0.2", url(port, "/sleep/1000"))
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	client, server := o.pair(t, "/sleep/1000")
	requireUnanswered(t, client)
	require.Less(t, client.End.Sub(client.Start), 900*time.Millisecond)
	// The server answered a connection that was closed; either is the truth.
	if server.code() != 200 {
		requireUnanswered(t, server)
	}
}

// TestRefused connects to a port nobody listens on: no request, no span.
func TestRefused(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	_, err := tryCurl(t, url(port, "/"))
	require.Error(t, err)
	time.Sleep(500 * time.Millisecond)
	require.Empty(t, o.seen(anySpan))
	require.Empty(t, o.lost(t))
}
