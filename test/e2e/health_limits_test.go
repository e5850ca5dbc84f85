//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestHealthDatagrams holds datagrams, those without bytes too, against what both sides counted.
func TestHealthDatagrams(t *testing.T) {
	server, client, _ := doubles(t)
	p := kernelSide(t, ofPIDs(server.pid(), client.pid()))
	drain(t, p)
	want := client.order(t, "packets 3000")
	got := collect(t, p, client.pid(), udp)
	assert.EqualValues(t, 3000, got.DatagramsSent)
	assert.EqualValues(t, 3000, got.DatagramsReceived)
	assert.Equal(t, want.Sent, got.BytesSent)
	assert.Equal(t, want.Received, got.BytesReceived)
	want = server.order(t, "")
	got = collect(t, p, server.pid(), udp)
	assert.EqualValues(t, 3000, got.DatagramsSent)
	assert.EqualValues(t, 3000, got.DatagramsReceived)
	assert.Equal(t, want.Sent, got.BytesSent)
	assert.Equal(t, want.Received, got.BytesReceived)
}

// TestHealthTargets observes one of two servers, by its port and by its process.
func TestHealthTargets(t *testing.T) {
	other, otherClient, _ := doubles(t)
	server, client, addr := doubles(t)
	var port int
	_, err := fmt.Sscanf(addr, "127.0.0.1:%d", &port)
	require.NoError(t, err)
	byPort := func(c *probe.Config) {
		c.Include = []probe.Target{{Ports: []probe.PortRange{{First: uint16(port), Last: uint16(port)}}}}
	}
	for name, targets := range map[string]func(*probe.Config){"process": ofPIDs(server.pid()), "port": byPort} {
		p := kernelSide(t, targets)
		drain(t, p)
		for _, c := range []*program{client, otherClient} {
			c.order(t, "short 5")
			c.order(t, "packets 5")
			c.order(t, "idle 1")
			c.order(t, "close")
		}
		require.Eventually(t, func() bool { return collect(t, p, server.pid(), tcp).Closed == 6 },
			10*time.Second, 50*time.Millisecond, name)
		assert.EqualValues(t, 5, collect(t, p, server.pid()).DatagramsReceived, name)
		series, err := p.Health()
		require.NoError(t, err)
		for _, s := range series {
			assert.False(t, s.PID == uint32(other.pid()) || s.PID == uint32(otherClient.pid()) ||
				s.PID == uint32(client.pid()) && name == "process", "%s: %+v", name, s)
		}
		require.NoError(t, p.Close())
	}
}

// TestHealthSeries has more peers than there is room for series.
func TestHealthSeries(t *testing.T) {
	server, client, _ := doubles(t)
	p := kernelSide(t, func(c *probe.Config) {
		ofPIDs(server.pid(), client.pid())(c)
		c.HealthPeer, c.MaxSeries = true, 20
	})
	drain(t, p)
	for i := range 50 {
		client.order(t, fmt.Sprintf("from 127.0.0.%d", i+2))
	}
	require.Eventually(t, func() bool { return collect(t, p, server.pid()).Closed == 50 }, 10*time.Second, 50*time.Millisecond)
	want := server.order(t, "")
	got := collect(t, p, server.pid())
	require.Equal(t, want.Received, got.BytesReceived, "nothing is lost")
	require.Equal(t, want.Sent, got.BytesSent)
	rest := collect(t, p, server.pid(), func(k health.Key) bool { return k.Overflow })
	require.Greater(t, rest.Accepted, uint64(30))
	peers := make(map[string]bool)
	series, err := p.Health()
	require.NoError(t, err)
	require.LessOrEqual(t, len(series), 20)
	for _, s := range series {
		if s.PID == uint32(server.pid()) && !s.Overflow {
			peers[s.Peer.String()] = true
			require.EqualValues(t, 1, s.Accepted, "%+v", s.Key)
		}
	}
	require.GreaterOrEqual(t, len(peers), 10)
	requireNoneLost(t, p)
}

// TestHealthForget frees the series of a process; a socket that outlives it is
// told of without it.
func TestHealthForget(t *testing.T) {
	server, client, _ := doubles(t)
	p := kernelSide(t, ofPIDs(server.pid(), client.pid()))
	drain(t, p)
	before := client.order(t, "open 1")
	require.EqualValues(t, 1, collect(t, p, client.pid()).Opened)
	p.ForgetHealth(uint32(client.pid()))
	require.NoError(t, client.in.Close())
	require.NoError(t, client.cmd.Wait())
	var last health.Values
	require.Eventually(t, func() bool {
		last = collect(t, p, 0)
		return last.Closed == 1
	}, 10*time.Second, 50*time.Millisecond)
	require.Zero(t, collect(t, p, client.pid()).Closed)
	require.Zero(t, last.BytesSent, "%d bytes were told before", before.Sent)
	require.Zero(t, last.Active)
	require.EqualValues(t, 1, collect(t, p, 0).Closed, "it is still told")
}

// churn is how long TestHealthChurn goes on at least.
var churn = flag.Duration("churn", time.Second, "how long connections and processes come and go")

// TestHealthChurn opens and closes more connections, of more processes, than
// there is room for at a time.
func TestHealthChurn(t *testing.T) {
	server := start(t, apps.Command("doubleserver", "127.0.0.1:0"))
	addr := server.line(t)
	p := kernelSide(t, func(c *probe.Config) {
		ofPIDs(server.pid(), os.Getpid())(c) // the clients are children of this process
		c.MaxConnections, c.MaxSeries = 2000, 30
	})
	drain(t, p)
	var want uint64
	before := slab(t)
	for begin, n := time.Now(), 0; n < 60 || time.Since(begin) < *churn; n++ {
		client := start(t, apps.Command("doubleclient", addr))
		want += client.order(t, "short 50").Sent
		require.NoError(t, client.in.Close())
		require.NoError(t, client.cmd.Wait())
		v := collect(t, p, client.pid())
		require.EqualValues(t, 50, v.Opened)
		require.False(t, overflows(t, p), "after %d processes", n)
		p.ForgetHealth(uint32(client.pid()))
	}
	t.Logf("memory of the kernel grew by %d KiB", (slab(t)-before)>>10)
	require.Equal(t, want, collect(t, p, server.pid()).BytesReceived)
	requireNoneLost(t, p)
}

// overflows reports whether a process had no room.
func overflows(t testing.TB, p *probe.Probes) bool {
	t.Helper()
	series, err := p.Health()
	require.NoError(t, err)
	return slices.ContainsFunc(series, func(s health.Series) bool { return s.Overflow && s.PID != 0 })
}
