//go:build linux

package e2e

import (
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestDNSForwarder puts dnsmasq between the clients and our responder: it serves
// the clients' questions, from its cache when it can, and asks others itself.
func TestDNSForwarder(t *testing.T) {
	const suffix = ".forward.test"
	j := newJail(t, "nameserver 127.0.0.1", "options timeout:1 attempts:2")
	o := observe(t, dnsOnly)
	_, counts := j.responder(t, "127.0.0.2:53")
	forwarder := start(t, j.in(exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
		"--bind-interfaces", "--listen-address=127.0.0.1", "--server=127.0.0.2", "--cache-size=100", "--no-negcache", "--user=root",
		"--pid-file=")))
	pid := int64(forwarder.cmd.Process.Pid)
	require.Eventually(t, func() bool {
		return j.in(exec.Command("dig", "@127.0.0.1", "+tries=1", "+time=1", "version.bind", "CH", "TXT")).Run() == nil
	}, 10*time.Second, 50*time.Millisecond)

	for range 3 {
		results, _ := j.look(t, apps.Command("resolve", "a"+suffix, "nx"+suffix))
		require.Len(t, results[0].Addresses, 1)
		require.NotEmpty(t, results[1].Err)
	}
	want := counts()
	require.Equal(t, 1, want["a"+suffix+" A udp"], "the cache answers")
	require.Equal(t, 3, want["nx"+suffix+" A udp"])

	of := func(match func(*Span) bool) func(*Span) bool {
		return func(s *Span) bool { return match(s) && s.Resource["process.pid"] == pid }
	}
	total := 0
	for _, n := range want {
		total += n
	}
	upstream := o.await(total, of(asked(asking, suffix)))
	require.Equal(t, want, byQuestion(upstream), "what dnsmasq asked")
	for _, s := range upstream {
		require.Equal(t, "127.0.0.2", s.Attrs["network.peer.address"])
		require.Empty(t, s.Attrs["ebpf.capture.incomplete"])
	}
	clients := o.seen(func(s *Span) bool { return asked(asking, suffix)(s) && s.Resource["process.pid"] != pid })
	require.Len(t, clients, 12, "three times two names of two types")
	served := o.await(12, of(asked(serving, suffix)))
	require.Equal(t, byQuestion(clients), byQuestion(served), "what dnsmasq served")
	for _, s := range served {
		require.Equal(t, "127.0.0.1", s.Attrs["network.peer.address"])
		require.Empty(t, s.errorType(), "that a name does not exist is no failure of the server")
	}
}

// unconnected asks as musl and many servers do: by sendto of a socket that is
// not connected, and looks at nothing but the ID of the answer.
const unconnected = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
for i, name in enumerate(sys.argv[2:]):
    q = bytes([i, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0\0\1\0\1"
    if i % 2:
        s.sendmsg([q[:5], q[5:]], [], 0, (sys.argv[1], 53))
    else:
        s.sendto(q, (sys.argv[1], 53))
    a = s.recvfrom(512)[0] if i % 3 else s.recvmsg(512)[0]
    assert a[:2] == q[:2]
# What this socket and others send elsewhere is nobody's business.
s.sendto(b"hello", (sys.argv[1], 5353))
`

func TestDNSUnconnected(t *testing.T) {
	const suffix = ".unconnected.test"
	for _, addr := range []string{"127.0.0.1", "::1"} {
		j := newJail(t)
		o := observe(t, dnsOnly)
		_, counts := j.responder(t, "["+addr+"]:53")
		out, err := j.in(exec.Command("python3", "-c", unconnected, addr, "a"+suffix, "B"+suffix, "c"+suffix, "d"+suffix)).CombinedOutput()
		require.NoError(t, err, "%s", out)
		want := counts()
		require.Len(t, want, 4)
		clients := o.await(4, asked(asking, suffix))
		require.Equal(t, want, byQuestion(clients))
		require.Equal(t, want, byQuestion(o.await(4, asked(serving, suffix))))
		for _, s := range clients {
			require.Equal(t, addr, s.Attrs["network.peer.address"])
			require.Equal(t, int64(53), s.Attrs["network.peer.port"])
			require.Equal(t, []any{apps.WebAddress.String()}, s.Attrs["dns.answers"])
		}
		require.Empty(t, o.lost(t))
		o.stop()
	}
}

// TestDNSTogether asks for many names at once, from many threads.
func TestDNSTogether(t *testing.T) {
	const suffix, n = ".together.test", 300
	j := newJail(t, "nameserver 127.0.0.1", "options timeout:5 attempts:1")
	o := observe(t, dnsOnly)
	_, counts := j.responder(t, "127.0.0.1:53")
	args := []string{"-together"}
	for i := range n {
		args = append(args, "n"+strconv.Itoa(i)+suffix)
	}
	results, _ := j.look(t, apps.Command("resolve", args...))
	for _, r := range results {
		require.Empty(t, r.Err)
	}
	want := counts()
	require.Len(t, want, 2*n)
	require.Equal(t, want, byQuestion(o.await(2*n, asked(asking, suffix))))
	require.Equal(t, want, byQuestion(o.await(2*n, asked(serving, suffix))))
	require.Empty(t, o.lost(t))
}
