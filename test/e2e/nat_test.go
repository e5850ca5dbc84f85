//go:build linux

package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/nat"
)

const natConfig = "{targets: {include: [{ports: [%d, %d]}]}, network: {nat: true}}"

// natOf is what a span tells of translations.
func natOf(s *Span) map[string]any {
	told := map[string]any{}
	for key, v := range s.Attrs {
		if name, ok := strings.CutPrefix(key, "ebpf.nat."); ok {
			told[name] = v
		}
	}
	return told
}

// requirePeer holds what a span says of the socket's peer.
func requirePeer(t testing.TB, s *Span, address string, port any) {
	t.Helper()
	require.Equal(t, address, s.Attrs["network.peer.address"], "%v", s)
	require.EqualValues(t, port, s.Attrs["network.peer.port"], "%v", s)
}

func addr(host string, port int) string { return net.JoinHostPort(host, fmt.Sprint(port)) }

// lone is a namespace whose kernel answers requests to 10.9.9.9 at 127.0.0.1, and
// those to fd00:9::9 at fd00:9::1.
func lone(t testing.TB, asked, real int) network {
	ns := newNetwork(t)
	ns.commands(t, fmt.Sprintf(`
		ip addr add 10.9.9.1/24 dev lo
		ip -6 addr add fd00:9::1/64 dev lo nodad
		iptables  -t nat -A OUTPUT -p tcp -d 10.9.9.9  --dport %[1]d -j DNAT --to-destination 127.0.0.1:%[2]d
		ip6tables -t nat -A OUTPUT -p tcp -d fd00:9::9 --dport %[1]d -j DNAT --to-destination [fd00:9::1]:%[2]d
	`, asked, real))
	return ns
}

// TestNAT has client and server in one namespace, and a translation between them:
// the client knows what it asked for, the server what it was asked as.
func TestNAT(t *testing.T) {
	asked, real := freePort(t), freePort(t)
	ns := lone(t, asked, real)
	for _, c := range []struct{ service, server string }{{"10.9.9.9", "127.0.0.1"}, {"fd00:9::9", "fd00:9::1"}} {
		t.Run(c.service, func(t *testing.T) {
			var o *observer
			ns.do(t, func() {
				goServer(t, addr(c.server, real))
				o = observe(t, fmt.Sprintf(natConfig, asked, real))
				goClient(t, "-url", "http://"+addr(c.service, asked), "-path", "/s/200/translated")
				goClient(t, "-url", "http://"+addr(c.server, real), "-path", "/s/200/direct")
			})
			client, server := o.pair(t, "/s/200/translated")
			requirePeer(t, client, c.service, asked)
			require.Equal(t, map[string]any{"peer.address": c.server, "peer.port": int64(real)}, natOf(client))
			require.Equal(t, map[string]any{"local.address": c.service, "local.port": int64(asked)}, natOf(server))

			client, server = o.pair(t, "/s/200/direct")
			requirePeer(t, client, c.server, real)
			require.Empty(t, natOf(client))
			require.Empty(t, natOf(server))
			require.Zero(t, o.lost(t)["pipeline nat_unknown connection"])
		})
	}
}

// node is a namespace that forwards between two pods, as a node of Kubernetes
// does: 10.9.9.9 is a service of the second, and the first's address is replaced.
func node(t testing.TB, asked, real int) (node, first, second network) {
	node, first, second = newNetwork(t), newNetwork(t), newNetwork(t)
	for i, pod := range []network{first, second} {
		node.commands(t, fmt.Sprintf(`
			ip link add pod%[1]d type veth peer name eth0 netns %[2]s
			ip addr add 10.9.%[1]d.1/24 dev pod%[1]d
			ip link set pod%[1]d up
		`, i, pod.Path()))
		pod.commands(t, fmt.Sprintf(`
			ip addr add 10.9.%[1]d.2/24 dev eth0
			ip link set eth0 up
			ip route add default via 10.9.%[1]d.1
		`, i))
	}
	node.do(t, func() { require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)) })
	node.commands(t, fmt.Sprintf(`
		iptables -t nat -A PREROUTING -p tcp -d 10.9.9.9 --dport %d -j DNAT --to-destination 10.9.1.2:%d
		iptables -t nat -A POSTROUTING -p tcp -d 10.9.1.2 -j MASQUERADE
	`, asked, real))
	return node, first, second
}

// TestNATOfNode has client and server in namespaces of their own, and the receiver
// in the one between, which translates the addresses of both.
func TestNATOfNode(t *testing.T) {
	asked, real := freePort(t), freePort(t)
	node, first, second := node(t, asked, real)
	var o *observer
	second.do(t, func() { goServer(t, addr("10.9.1.2", real)) })
	node.do(t, func() { o = observe(t, fmt.Sprintf(natConfig, asked, real)) })
	first.do(t, func() { goClient(t, "-url", "http://"+addr("10.9.9.9", asked), "-path", "/s/200/service") })

	client, server := o.pair(t, "/s/200/service")
	requirePeer(t, client, "10.9.9.9", asked)
	told := natOf(client)
	requirePeer(t, server, "10.9.1.1", told["local.port"])
	require.Equal(t, map[string]any{
		"peer.address": "10.9.1.2", "peer.port": int64(real), // where its packets go
		"local.address": "10.9.1.1", "local.port": told["local.port"], // what they come as
	}, told)
	told = natOf(server)
	require.Equal(t, map[string]any{
		"peer.address": "10.9.0.2", "peer.port": told["peer.port"], // the client's own
		"local.address": "10.9.9.9", "local.port": int64(asked), // what it asked for
	}, told)
}

// TestNATOff asks nothing when nobody wants to know.
func TestNATOff(t *testing.T) {
	asked, real := freePort(t), freePort(t)
	var o *observer
	lone(t, asked, real).do(t, func() {
		goServer(t, addr("127.0.0.1", real))
		o = observe(t, fmt.Sprintf("{targets: {include: [{ports: [%d, %d]}]}}", asked, real))
		goClient(t, "-url", "http://"+addr("10.9.9.9", asked), "-path", "/s/200/off")
	})
	client, server := o.pair(t, "/s/200/off")
	require.Empty(t, natOf(client))
	require.Empty(t, natOf(server))
}

// TestNATWithoutCapability goes on without what the capability is for.
func TestNATWithoutCapability(t *testing.T) {
	asked, real := freePort(t), freePort(t)
	var o *observer
	lone(t, asked, real).do(t, func() {
		goServer(t, addr("127.0.0.1", real))
		withoutNetAdmin(t, func() { o = observe(t, fmt.Sprintf(natConfig, asked, real)) })
		goClient(t, "-url", "http://"+addr("10.9.9.9", asked), "-path", "/s/200/without")
	})
	client, server := o.pair(t, "/s/200/without")
	require.Empty(t, natOf(client))
	require.Empty(t, natOf(server))
}

// withoutNetAdmin calls f on a thread that may not ask the connection tracking.
func withoutNetAdmin(t testing.TB, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var before, without [2]unix.CapUserData
	require.NoError(t, unix.Capget(&head, &before[0]))
	without = before
	without[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	require.NoError(t, unix.Capset(&head, &without[0]))
	defer func() { require.NoError(t, unix.Capset(&head, &before[0])) }()
	f()
}

// BenchmarkNAT asks for a connection that is translated.
func BenchmarkNAT(b *testing.B) {
	asked, real := freePort(b), freePort(b)
	lone(b, asked, real).do(b, func() {
		table, err := nat.Open()
		require.NoError(b, err)
		defer table.Close()
		ln, err := net.Listen("tcp", addr("127.0.0.1", real))
		require.NoError(b, err)
		defer ln.Close()
		c, err := net.Dial("tcp", addr("10.9.9.9", asked))
		require.NoError(b, err)
		defer c.Close()
		local, remote := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
		var got nat.Translation
		for b.Loop() {
			if got, err = table.Translated(0, local, remote); err != nil {
				b.Fatal(err)
			}
		}
		require.EqualValues(b, real, got.Remote.Port())
	})
}
