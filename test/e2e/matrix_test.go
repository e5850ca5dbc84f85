//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestMatrix sends more than 10 000 requests from every client to every server,
// on kept and on fresh connections, from one to 64 at a time, and asks for
// exactly one server span and one client span of each.
func TestMatrix(t *testing.T) {
	total := 0
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) { total += matrixOf(t, servers[name]) })
	}
	require.GreaterOrEqual(t, total, 10_000, "requests")
}

// matrixOf sends every client's requests to one server and returns how many.
func matrixOf(t *testing.T, serve server) (total int) {
	port := freePort(t)
	counts := serve(t, port)
	o := observe(t, onPort(port))
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		for _, concurrent := range []int{1, 8, 64} {
			for _, fresh := range []bool{false, true} {
				l := load{port: port, concurrent: concurrent, fresh: fresh, n: 128}
				if name == "curl" && fresh {
					l.n = 64 // as many processes
				}
				l.prefix = fmt.Sprintf("%s-%d-%v-", name, concurrent, fresh)
				total += l.n
				t.Run(l.prefix, func(t *testing.T) { matrixCell(t, o, clients[name], l) })
			}
		}
	}
	requireCounts(t, counts(), tally(o.settle(2*total), ptrace.SpanKindServer), "server spans")
	require.Empty(t, o.lost(t), "losses")
	return total
}

func matrixCell(t *testing.T, o *observer, send client, l load) {
	results := send(t, l)
	require.Len(t, results, l.n)
	spans := o.await(2*l.n, func(s *Span) bool { return l.sent(s.path()) })
	requireTruth(t, results, expected(results), spans)
}
