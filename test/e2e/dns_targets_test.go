//go:build linux

package e2e

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// before and after looks a name up, connects to an address, and looks up another.
const beforeAndAfter = `
import socket, sys
def look(name):
    socket.getaddrinfo(name, 80, socket.AF_INET)
look("before" + sys.argv[1])
c = socket.create_connection((sys.argv[2], int(sys.argv[3])))
c.sendall(b"GET /s/200/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
while c.recv(4096): pass
look("after" + sys.argv[1])
`

// TestDNSTargets says whose look-ups are observed.
func TestDNSTargets(t *testing.T) {
	const suffix = ".targets.test"
	port := freePort(t)
	for _, c := range []struct {
		targets string
		want    []string
	}{
		{"include: [{ports: [%d]}]", []string{"after"}},
		{"include: [{ports: [%d], executables: ['*/python3*']}]", []string{"before", "after"}},
		{"include: [{executables: ['*/python3*']}, {ports: [%d]}]", []string{"before", "after"}},
		{"include: [{ports: [53, %d]}]", []string{"other", "before", "after"}},
		{"exclude: [{executables: ['*/python3*']}]", []string{"other"}},
		{"exclude: [{executables: ['*/python3*'], ports: [80]}]", []string{"other", "before", "after"}},
		{"exclude: [{ports: [53]}]", nil},
		{"include: [{executables: ['*/nobody']}]", nil},
	} {
		t.Run(c.targets, func(t *testing.T) {
			targets := c.targets
			if len(c.want) > 0 && targets[0] == 'i' {
				targets = fmt.Sprintf(targets, port)
			}
			j := newJail(t, "nameserver 127.0.0.1")
			o := observe(t, "{collection_interval: 1s, targets: {"+targets+"}}")
			_, _ = j.responder(t, "127.0.0.1:53")
			web := start(t, j.in(apps.Command("server", fmt.Sprintf("127.0.0.9:%d", port))))
			web.line(t)
			_, _ = j.look(t, apps.Command("resolve", "other"+suffix))
			out, err := j.in(exec.Command("python3", "-c", beforeAndAfter, suffix, "127.0.0.9", fmt.Sprint(port))).CombinedOutput()
			require.NoError(t, err, "%s", out)

			want := make(map[string]int)
			for _, name := range c.want {
				want[name+suffix+" A udp"] = 1
				if name == "other" {
					want[name+suffix+" AAAA udp"] = 1
				}
			}
			total := len(want)
			require.Equal(t, want, byQuestion(o.await(total, asked(asking, suffix))))
		})
	}
}

// TestDNSNames sends requests that do not say for which host they are: it is the
// one whose name the client looked up.
func TestDNSNames(t *testing.T) {
	port := freePort(t)
	j := newJail(t, "nameserver 127.0.0.1")
	o := observe(t, "{collection_interval: 1s, targets: {include: [{executables: ['*/curl']}]}, network: {attributes: [network.peer.address]}}")
	_, _ = j.responder(t, "127.0.0.1:53")
	web := start(t, j.in(apps.Command("server", fmt.Sprintf("127.0.0.9:%d", port))))
	web.line(t)
	for path, host := range map[string]string{
		"/s/200/name": "alias.names.test", "/s/200/address": "127.0.0.9",
	} {
		cmd := j.in(curlCommand("-sS", "--http1.0", "-H", "Host:", "-o", "/dev/null", fmt.Sprintf("http://%s:%d%s", host, port, path)))
		require.NoError(t, cmd.Run())
		spans := o.await(1, at(path))
		require.Len(t, spans, 1)
		require.Equal(t, host, spans[0].Attrs["server.address"])
		require.Equal(t, int64(port), spans[0].Attrs["server.port"])
		_, waited := spans[0].Attrs["ebpf.latency.dns"]
		require.Equal(t, host != "127.0.0.9", waited, "%v", spans[0])
	}
	require.Len(t, o.seen(asked(asking, ".names.test")), 2)
	require.Eventually(t, func() bool { return o.hasPoint("ebpf.tcp.io", "server.address", "alias.names.test") },
		5*time.Second, 50*time.Millisecond)
}

// hasPoint reports whether a metric was delivered with an attribute.
func (o *observer) hasPoint(name, key, value string) bool {
	for _, md := range o.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Name() != name {
						continue
					}
					for _, p := range m.Sum().DataPoints().All() {
						if v, ok := p.Attributes().Get(key); ok && v.Str() == value {
							return true
						}
					}
				}
			}
		}
	}
	return false
}
