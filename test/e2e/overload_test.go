//go:build linux

package e2e

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestOverload gives the receiver a ring that is far too small. What it does
// not see it counts, what it sees is true, and once the load is gone it sees
// everything again.
func TestOverload(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		t.Run(fmt.Sprintf("fresh=%v", fresh), func(t *testing.T) {
			port := freePort(t)
			counts := nginx(t, port)
			o := observe(t, fmt.Sprintf(`{limits: {ring_buffer_bytes: 64KiB}, %s`,
				targets(fmt.Sprintf(`ports: [%d], executables: ["*/nginx"]`, port), "")[1:]))
			memory := heap()
			overload := load{port: port, concurrent: 64, fresh: fresh, prefix: "over", n: 20_000}
			sent := expected(overload.withGo(t))
			requireSeenOrCounted(t, o, sent, o.settle(len(sent)))
			require.Less(t, heap(), memory+(256<<20), "bytes of memory")

			after := load{port: port, concurrent: 1, fresh: true, prefix: "after", n: 100}
			results := after.withCurl(t) // a process each: slow enough for the small ring
			spans := o.await(100, func(s *Span) bool { return after.sent(s.path()) })
			requireCounts(t, expected(results), tally(spans, ptrace.SpanKindServer), "server spans afterwards")
			require.Len(t, counts(), 20_100)
		})
	}
}

// requireSeenOrCounted checks that no span is wrong and that every request has
// a span or is among the losses.
func requireSeenOrCounted(t *testing.T, o *observer, sent map[string]int, spans []*Span) {
	t.Helper()
	lost := o.lost(t)
	t.Logf("%d sent, %d seen, lost %v", len(sent), len(spans), lost)
	require.Positive(t, lost["kernel ring_full request"], "the ring was not too small")
	for _, s := range spans {
		if s.code() == 0 {
			require.Contains(t, s.Attrs["ebpf.capture.incomplete"], "response_lost", "%v", s)
		} else {
			require.Equal(t, 1, sent[s.key()], "%v", s)
		}
	}
	require.Len(t, sent, len(spans)+int(lost["kernel ring_full request"]))
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
