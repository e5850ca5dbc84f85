//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// BenchmarkHealthDatagram and BenchmarkHealthConnection say how long the BPF
// programs run for one end of a datagram sent and answered, and of a connection
// that moves nothing, with and without connection health. Programs of
// another receiver that starts meanwhile count too.
func BenchmarkHealthDatagram(b *testing.B)   { benchmarkPrograms(b, "packets %d") }
func BenchmarkHealthConnection(b *testing.B) { benchmarkPrograms(b, "idle %d") }

func benchmarkPrograms(b *testing.B, order string) {
	for name, health := range map[string]bool{"health": true, "without": false} {
		b.Run(name, func(b *testing.B) {
			stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
			require.NoError(b, err)
			defer stats.Close()
			server, client, _ := doubles(b)
			before := programs(b, 0)
			p := kernelSide(b, func(c *probe.Config) {
				ofPIDs(server.pid(), client.pid())(c)
				c.Health = health
			})
			drain(b, p)
			client.order(b, fmt.Sprintf(order, b.N))
			client.order(b, "close")
			after := programs(b, before.last)
			b.ReportMetric(float64(after.ns)/float64(2*b.N), "BPF-ns/end")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// ran is how long programs ran.
type ran struct {
	ns   int64
	last ebpf.ProgramID
}

// programs adds up the programs loaded after one.
func programs(b *testing.B, after ebpf.ProgramID) (r ran) {
	b.Helper()
	r.last = after
	for {
		next, err := ebpf.ProgramGetNextID(r.last)
		if err != nil {
			return r // no more
		}
		r.last = next
		p, err := ebpf.NewProgramFromID(next)
		if err != nil {
			continue // gone
		}
		if stats, err := p.Stats(); err == nil {
			r.ns += stats.Runtime.Nanoseconds()
		}
		_ = p.Close()
	}
}
