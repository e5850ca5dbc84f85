//go:build linux

package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// speakTLS makes the programs that the test starts speak a version of TLS.
func speakTLS(t testing.TB, version string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	cert, key, err := apps.NewKeyPair(dir)
	require.NoError(t, err)
	t.Setenv(apps.EnvCert, cert)
	t.Setenv(apps.EnvKey, key)
	t.Setenv(apps.EnvVersion, version)
}

// tlsServers and tlsClients are those that only the tests of TLS need: with TLS
// through memory (asyncio), by GnuTLS (wget), and by OpenSSL's own program.
var (
	tlsServers = map[string]server{
		"asyncio": func(t testing.TB, port int) func() map[string]int { return scriptServer(t, "aserver.py", port) },
	}
	tlsClients = map[string]client{
		"asyncio":  func(t testing.TB, l load) []apps.Result { return l.withScript(t, "aclient.py") },
		"ruby":     func(t testing.TB, l load) []apps.Result { return l.withScript(t, "client.rb") },
		"wget":     func(t testing.TB, l load) []apps.Result { return l.withWget(t) },
		"s_client": func(t testing.TB, l load) []apps.Result { return l.withOpenSSL(t) },
	}
)

func init() {
	maps.Copy(tlsServers, servers)
	maps.Copy(tlsClients, clients)
}

// withWget sends all requests from one process, one after the other. It hangs up
// on a redirection before the server has sent all of it, and so asks for none.
func (l load) withWget(t testing.TB) (results []apps.Result) {
	t.Helper()
	paths := apps.Paths(l.prefix, l.n)
	for i, p := range paths {
		paths[i] = strings.Replace(p, "/s/301/", "/s/200/", 1)
	}
	args := []string{"--no-config", "-q", "-O", "/dev/null", "--no-proxy", "--tries=1", "--max-redirect=0", "--content-on-error",
		"--server-response", "--ca-certificate", os.Getenv(apps.EnvCert)}
	if l.fresh {
		args = append(args, "--no-http-keep-alive")
	}
	for _, p := range paths {
		args = append(args, url(l.port, p))
	}
	out, _ := exec.Command("wget", args...).CombinedOutput() // it fails when an answer is an error
	for line := range strings.Lines(string(out)) {
		var version string
		var status int
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), "HTTP/%s %d", &version, &status); n == 2 {
			results = append(results, apps.Result{Status: status})
		}
	}
	require.Len(t, results, len(paths), "what wget says: %s", out)
	for i, p := range paths {
		results[i].Path = p
	}
	return results
}

// withOpenSSL sends the requests of one connection from one process, and reads
// its answers: their status lines.
func (l load) withOpenSSL(t testing.TB) (results []apps.Result) {
	t.Helper()
	paths := apps.Paths(l.prefix, l.n)
	each := len(paths)
	if l.fresh {
		each = 1
	}
	for from := 0; from < len(paths); from += each {
		results = append(results, l.openSSL(t, paths[from:min(from+each, len(paths))])...)
	}
	return results
}

func (l load) openSSL(t testing.TB, paths []string) (results []apps.Result) {
	t.Helper()
	s := l.dialOpenSSL(t)
	for _, path := range paths {
		results = append(results, apps.Result{Path: path, Status: s.get(t, path)})
	}
	require.NoError(t, s.in.Close())
	_ = s.cmd.Wait()
	return results
}

// An sClient is openssl s_client with an open connection.
type sClient struct{ *program }

func (l load) dialOpenSSL(t testing.TB) sClient {
	t.Helper()
	return sClient{start(t, exec.Command("openssl", "s_client", "-quiet", "-no_ign_eof", "-nocommands",
		"-CAfile", os.Getenv(apps.EnvCert), "-connect", local(l.port)))}
}

// get sends a request, reads its answer and returns its status.
func (s sClient) get(t testing.TB, path string) int {
	t.Helper()
	fmt.Fprintf(s.in, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	answer, err := http.ReadResponse(s.out, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer.StatusCode
}

// TestTLSMatrix is TestMatrix over TLS: every client against every server.
func TestTLSMatrix(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		for _, name := range slices.Sorted(maps.Keys(tlsServers)) {
			t.Run(name+" "+version, func(t *testing.T) {
				speakTLS(t, version)
				for _, s := range tlsMatrixOf(t, tlsServers[name], tlsClients, tlsLoads{kept: 250, fresh: 75}) {
					require.Equal(t, version, s.Attrs["tls.protocol.version"], "%v", s)
				}
			})
		}
	}
}

// tlsLoads are how many requests each client sends on kept and on fresh connections.
type tlsLoads struct{ kept, fresh int }

// tlsMatrixOf sends every client's requests to one server and returns the spans.
func tlsMatrixOf(t *testing.T, serve server, clients map[string]client, loads tlsLoads) []*Span {
	port := freePort(t)
	counts := serve(t, port)
	listen(t, local(freePort(t))) // a process of the Go client's file: its first calls come before a file is probed that is new
	o := observe(t, onPort(port))
	total := 0
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		for _, fresh := range []bool{false, true} {
			l := load{port: port, concurrent: 4, fresh: fresh, n: loads.kept}
			if fresh {
				l.n = loads.fresh
			}
			l.prefix = fmt.Sprintf("%s-%v-", name, fresh)
			total += l.n
			t.Run(l.prefix, func(t *testing.T) { matrixCell(t, o, clients[name], l) })
		}
	}
	spans := o.settle(2 * total)
	requireCounts(t, counts(), tally(spans, ptrace.SpanKindServer), "server spans")
	require.Empty(t, o.lost(t), "losses")
	return spans
}

// TestTLSSlowReader has nginx give its library the same bytes again and again,
// because the socket has no room for what they became.
func TestTLSSlowReader(t *testing.T) {
	speakTLS(t, "1.3")
	port := freePort(t)
	nginx(t, port)
	o := observe(t, onPort(port))
	require.Equal(t, nginxFile, curl(t, "--limit-rate", "8M", url(port, "/files/megabytes")).Received)
	client, server := o.pair(t, "/files/megabytes")
	for _, s := range []*Span{client, server} {
		require.Equal(t, 200, s.code(), "%v", s)
		require.Equal(t, nginxFile, s.size("http.response.body.size"), "%v", s)
		require.NotContains(t, s.Attrs, "ebpf.capture.incomplete", "%v", s)
	}
	require.Positive(t, client.End.Sub(client.Start)-100*time.Millisecond, "it took as long as it was made to")
	requireEnclosed(t, []*Span{client, server})
	require.Empty(t, o.lost(t))
}

// TestTLSOldConnections observes connections that were opened, and used, before
// the start: a library's call that moves bytes through the socket ties them. They
// begin with bytes that are read: the client's, with an answer.
func TestTLSOldConnections(t *testing.T) {
	speakTLS(t, "1.3")
	port := freePort(t)
	nginx(t, port)
	l := load{port: port}
	s := l.dialOpenSSL(t)
	require.Equal(t, 200, s.get(t, "/s/200/before"))
	o := observe(t, onPort(port))
	require.Equal(t, 200, s.get(t, "/s/200/joined"))
	want := map[string]int{}
	for i, status := range []int{200, 404, 500} {
		path := fmt.Sprintf("/s/%d/old-%d", status, i)
		require.Equal(t, status, s.get(t, path))
		want[fmt.Sprintf("GET %s %d", path, status)] = 1
	}
	spans := o.settle(2*len(want) + 1)
	require.Equal(t, want, tally(spans, ptrace.SpanKindClient))
	want["GET /s/200/joined 200"] = 1
	require.Equal(t, want, tally(spans, ptrace.SpanKindServer))
}
