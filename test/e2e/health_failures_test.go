//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// apart starts a program of test/apps/sockets_linux.go in a network namespace
// of its own: nothing else happens there, and the receiver is outside.
func apart(t testing.TB) *program {
	t.Helper()
	cmd := apps.Command("sockets")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	p := start(t, cmd)
	require.Equal(t, "up", p.ask(t, "up"))
	return p
}

func (p *program) ask(t testing.TB, line string) string {
	t.Helper()
	_, err := fmt.Fprintln(p.in, line)
	require.NoError(t, err)
	return p.line(t)
}

// TestHealthFailures counts connections that are not made, by the reason.
func TestHealthFailures(t *testing.T) {
	a := apart(t)
	p := kernelSide(t, ofPIDs(a.pid()))
	drain(t, p)
	for range 3 {
		require.Contains(t, a.ask(t, "connect 1"), "refused")
	}
	full := a.ask(t, "listen 0")
	require.Equal(t, "connected", a.ask(t, "connect "+full))
	require.Contains(t, a.ask(t, "impatient "+full+" 1"), "timed out")
	require.Equal(t, "closed", a.ask(t, "begin "+full))
	v := collect(t, p, a.pid())
	require.Equal(t, health.Failures{health.Refused: 3, health.TimedOut: 1, health.Other: 1}, v.Failed)
	require.EqualValues(t, 1, v.Opened)
	require.EqualValues(t, 1, v.Active)
	require.EqualValues(t, 3, v.ResetsReceived)
	require.Zero(t, v.Closed)
	require.Positive(t, v.RTOs, "SYNs without an answer")
	require.Equal(t, v.RTOs, v.Retransmits)
}

// TestHealthListen holds what a listening socket dropped against the kernel's
// count for the network namespace, where it is the only one.
func TestHealthListen(t *testing.T) {
	a := apart(t)
	older := a.ask(t, "listen 1")
	p := kernelSide(t, ofPIDs(a.pid()))
	drain(t, p)
	for _, port := range []string{older, a.ask(t, "listen 1")} {
		before := collect(t, p, a.pid())
		drops, overflows := dropped(t, a.pid())
		for range 2 {
			require.Equal(t, "connected", a.ask(t, "connect "+port))
		}
		for range 4 {
			require.Equal(t, "closed", a.ask(t, "begin "+port))
		}
		drops, overflows = -drops, -overflows
		d, o := dropped(t, a.pid())
		drops, overflows = drops+d, overflows+o
		require.GreaterOrEqual(t, overflows, 4)
		v := collect(t, p, a.pid())
		assert.EqualValues(t, drops, v.ListenDrops-before.ListenDrops, "drops")
		assert.EqualValues(t, overflows, v.ListenOverflows-before.ListenOverflows, "overflows")
	}
}

// dropped reads ListenDrops and ListenOverflows of a process' network namespace.
func dropped(t testing.TB, pid int) (drops, overflows int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netstat", pid))
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	for i, name := range strings.Fields(lines[0]) {
		n, _ := strconv.Atoi(strings.Fields(lines[1])[i])
		switch name {
		case "ListenDrops":
			drops = n
		case "ListenOverflows":
			overflows = n
		}
	}
	return drops, overflows
}

// TestHealthResets counts resets on both sides.
func TestHealthResets(t *testing.T) {
	server, client, addr := doubles(t)
	a := start(t, apps.Command("sockets"))
	p := kernelSide(t, ofPIDs(server.pid(), client.pid(), a.pid()))
	drain(t, p)
	_, port, _ := strings.Cut(addr, ":")
	for range 5 {
		require.Equal(t, "closed", a.ask(t, "reset "+port))
	}
	v := collect(t, p, a.pid())
	require.EqualValues(t, 5, v.ResetsSent)
	require.EqualValues(t, 5, v.Closed)
	require.Eventually(t, func() bool { // once the server has accepted and closed them
		v = collect(t, p, server.pid())
		return v.Closed == 5
	}, 10*time.Second, 50*time.Millisecond)
	require.EqualValues(t, 5, v.ResetsReceived)
	require.EqualValues(t, 5, v.Accepted)
}

// TestHealthSocketAgain uses one socket for two connections.
func TestHealthSocketAgain(t *testing.T) {
	server, _, addr := doubles(t)
	a := start(t, apps.Command("sockets"))
	p := kernelSide(t, ofPIDs(server.pid(), a.pid()))
	drain(t, p)
	_, port, _ := strings.Cut(addr, ":")
	require.Equal(t, "closed", a.ask(t, "again "+port))
	var v health.Values
	require.Eventually(t, func() bool {
		v = collect(t, p, a.pid())
		return v.Closed == 2 && v.Active == 0
	}, 10*time.Second, 50*time.Millisecond)
	require.EqualValues(t, 2, v.Opened)
	require.EqualValues(t, 1100, v.BytesSent)
}

// TestHealthStalled writes to a program that never reads.
func TestHealthStalled(t *testing.T) {
	a := apart(t)
	p := kernelSide(t, ofPIDs(a.pid()))
	drain(t, p)
	port := a.ask(t, "listen 5")
	require.Equal(t, "connected", a.ask(t, "connect "+port))
	require.Zero(t, collect(t, p, a.pid()).ZeroWindows)
	require.Equal(t, "connected", a.ask(t, "fill "+port))
	require.Eventually(t, func() bool { return collect(t, p, a.pid()).ZeroWindows > 0 }, 10*time.Second, 50*time.Millisecond)
	before := collect(t, p, a.pid()).ZeroWindows
	require.Equal(t, before+1, collect(t, p, a.pid()).ZeroWindows, "one in each collection")
}

// TestHealthFamilies tells IPv6 from IPv4, also when it is spoken on a socket of IPv6.
func TestHealthFamilies(t *testing.T) {
	for listen, six := range map[string]bool{"[::1]:0": true, "[::]:0": false, "127.0.0.1:0": false} {
		server := start(t, apps.Command("doubleserver", listen))
		addr := strings.Replace(server.line(t), "[::]", "[::ffff:127.0.0.1]", 1)
		client := start(t, apps.Command("doubleclient", addr))
		p := kernelSide(t, func(c *probe.Config) {
			ofPIDs(server.pid(), client.pid())(c)
			c.HealthPeer = true
		})
		drain(t, p)
		client.order(t, "open 1")
		client.order(t, "packets 1")
		series, err := p.Health()
		require.NoError(t, err)
		peers := 0
		for _, s := range series {
			if s.Transport == health.UDP && s.Role == health.Unknown {
				continue // a socket that is not connected has the family it was made with, and no peer
			}
			peers++
			require.Equal(t, six, s.V6, "%s: %+v", listen, s.Key)
			require.True(t, s.Peer.IsLoopback(), "%s: %+v", listen, s.Key)
			require.Equal(t, six, s.Peer.Is6(), "%s: %+v", listen, s.Key)
		}
		require.Equal(t, 3, peers)
	}
}

// TestHealthUnreachable counts a connection that no host answered for: the last
// router said so. Linux goes on trying until its patience ends, and then gives
// that reason (RFC 1122 section 4.2.3.9).
func TestHealthUnreachable(t *testing.T) {
	a := apart(t)
	iptables := exec.Command("nsenter", "-t", strconv.Itoa(a.pid()), "-n", "iptables",
		"-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "REJECT", "--reject-with", "icmp-host-unreachable")
	out, err := iptables.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := kernelSide(t, ofPIDs(a.pid()))
	drain(t, p)
	require.Contains(t, a.ask(t, "impatient 9 1"), "no route to host")
	require.Equal(t, health.Failures{health.Unreachable: 1}, collect(t, p, a.pid()).Failed)
}
