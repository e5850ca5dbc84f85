//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// nodeTunnel asks for a path through a proxy. Node's TLS is through memory: only
// the hello, which is not the first that crosses the socket, ties it.
const nodeTunnel = `
const http = require('http'), tls = require('tls'), fs = require('fs')
const [proxy, port, path] = process.argv.slice(1)
http.request({port: proxy, method: 'CONNECT', path: '127.0.0.1:' + port}).on('connect', (answer, socket) => {
  const s = tls.connect({socket, ca: fs.readFileSync(process.env.TLS_CERT), servername: 'localhost'})
  s.write('GET ' + path + ' HTTP/1.1\r\nHost: 127.0.0.1:' + port + '\r\nConnection: close\r\n\r\n')
  s.on('data', () => {})
}).end()`

const pythonTunnel = `
import http.client, os, ssl, sys
proxy, port, path = sys.argv[1:]
c = http.client.HTTPSConnection('127.0.0.1', int(proxy), context=ssl.create_default_context(cafile=os.environ['TLS_CERT']))
c.set_tunnel('127.0.0.1', int(port))
c.request('GET', path)
c.getresponse().read()`

// TestTLSTunnel has programs speak TLS through a proxy, behind a CONNECT.
func TestTLSTunnel(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		t.Run(version, func(t *testing.T) {
			speakTLS(t, version)
			tlsTunnel(t)
		})
	}
}

func tlsTunnel(t *testing.T) {
	port, proxyPort := freePort(t), freePort(t)
	counts := goServerOn(t, port)
	listen(t, local(freePort(t))) // a process of the Go client's file, as in tlsMatrixOf
	o := observe(t, fmt.Sprintf("{targets: {include: [{ports: [%d, %d]}]}}", port, proxyPort))
	start(t, apps.Command("proxy", local(proxyPort))).line(t)

	proxy, to := strconv.Itoa(proxyPort), strconv.Itoa(port)
	require.Equal(t, 200, curl(t, "-x", local(proxyPort), url(port, "/s/200/curl")).Status)
	goClient(t, "-url", url(port, ""), "-proxy", "http://"+local(proxyPort), "-path", "/s/404/go")
	for name, args := range map[string][]string{
		"node":    {"-e", nodeTunnel, "--", proxy, to, "/s/500/node"},
		"python3": {"-c", pythonTunnel, proxy, to, "/s/503/python"},
	} {
		cmd := exec.Command(name, args...)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Run(), name)
	}
	const requests = 4
	spans := o.settle(4 * requests) // of each request, and of each CONNECT, both ends
	inner := make([]*Span, 0, 2*requests)
	for _, s := range spans {
		if isConnect(s) {
			require.Equal(t, 200, s.code(), "%v", s)
			continue
		}
		inner = append(inner, s)
		require.Equal(t, "tls", s.Attrs["tls.protocol.name"], "%v", s)
		if s.Kind == ptrace.SpanKindClient {
			require.EqualValues(t, proxyPort, s.Attrs["network.peer.port"], "%v", s)
			require.EqualValues(t, port, s.Attrs["server.port"], "%v", s)
			require.Contains(t, s.Attrs, "ebpf.latency.tls", "%v", s)
		}
	}
	want := counts()
	require.Len(t, want, requests)
	require.Equal(t, want, tally(inner, ptrace.SpanKindServer))
	require.Equal(t, want, tally(inner, ptrace.SpanKindClient))
	require.Len(t, spans, 4*requests)
	requireEnclosed(t, inner)
	require.Empty(t, o.lost(t))
}
