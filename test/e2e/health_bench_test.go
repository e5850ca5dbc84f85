//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// BenchmarkHealthCollection is one collection with 20 000 connections that do
// nothing, both ends observed. It also reports what the kernel takes of memory
// for each end, as far as the host is quiet, with and without connection health.
func BenchmarkHealthCollection(b *testing.B) {
	b.Run("health", func(b *testing.B) { benchmarkCollection(b, true) })
	b.Run("without", func(b *testing.B) { benchmarkCollection(b, false) })
}

func benchmarkCollection(b *testing.B, health bool) {
	const pairs, each = 2, 10_000 // a process may have 20 000 files, as a rule
	var pids []int
	var clients []*program
	for range pairs {
		server, client, _ := doubles(b)
		pids = append(pids, server.pid(), client.pid())
		clients = append(clients, client)
	}
	order := func(line string) {
		b.Helper()
		for _, c := range clients {
			c.order(b, line)
		}
		time.Sleep(2 * time.Second)
	}
	grown := func() int {
		b.Helper()
		empty := slab(b)
		order(fmt.Sprintf("greet %d", each))
		return slab(b) - empty
	}
	bare := grown()
	order("close")
	p := kernelSide(b, func(c *probe.Config) {
		ofPIDs(pids...)(c)
		c.RingBytes, c.Health = 64<<20, health
	})
	drain(b, p)
	observed := grown()
	defer func() { b.ReportMetric(float64(observed-bare)/(2*pairs*each), "B/socket") }()
	if !health {
		b.ReportMetric(0, "ns/op")
		return
	}
	for _, pid := range pids {
		require.EqualValues(b, each, collect(b, p, pid).Active)
	}
	requireNoneLost(b, p)
	for b.Loop() {
		_, err := p.Health()
		require.NoError(b, err)
	}
}

// slab returns the kernel's memory that cannot be reclaimed, in bytes.
func slab(b testing.TB) int {
	b.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	require.NoError(b, err)
	for line := range strings.Lines(string(text)) {
		var kb int
		if _, err := fmt.Sscanf(line, "SUnreclaim: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	b.Fatal("no SUnreclaim")
	return 0
}
