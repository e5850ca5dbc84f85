//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestEveryRequestOnce holds the spans of a Go server and a Go client against
// what both counted: one of each kind per request, with its path and status.
func TestEveryRequestOnce(t *testing.T) {
	for _, c := range []struct {
		concurrent int
		fresh      bool
	}{{1, false}, {16, false}, {64, false}, {1, true}, {16, true}, {64, true}} {
		t.Run(fmt.Sprintf("c%d fresh=%v", c.concurrent, c.fresh), func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			_, counts := goServer(t, fmt.Sprintf("127.0.0.1:%d", port))
			args := []string{"-url", fmt.Sprintf("http://127.0.0.1:%d", port), "-n", "2000", "-c", fmt.Sprint(c.concurrent)}
			if c.fresh {
				args = append(args, "-fresh")
			}
			results := goClient(t, args...)
			spans := o.settle(2 * len(results))
			requireTruth(t, results, counts(), spans)
			require.Empty(t, o.lost(t), "losses")
		})
	}
}

// requireTruth holds the spans of both sides against the counts of both programs.
func requireTruth(t *testing.T, results []apps.Result, counts map[string]int, spans []*Span) {
	t.Helper()
	requireCounts(t, counts, tally(spans, ptrace.SpanKindServer), "server spans")
	requireSent(t, results, spans)
	requireEnclosed(t, spans)
}

// requireSent holds the client spans against what the client saw.
func requireSent(t *testing.T, results []apps.Result, spans []*Span) {
	t.Helper()
	requireCounts(t, expected(results), tally(spans, ptrace.SpanKindClient), "client spans")
}

// requireCounts compares two counts and shows the first differences only.
func requireCounts(t *testing.T, want, got map[string]int, what string) {
	t.Helper()
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			wrong = append(wrong, fmt.Sprintf("%s: %d, want %d", key, got[key], want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if want[key] == 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d, want none", key, got[key]))
		}
	}
	const shown = 3
	require.Empty(t, wrong[:min(shown, len(wrong))], "%s: %d differences", what, len(wrong))
}

// expected counts the GETs a client sent by "METHOD path status".
func expected(results []apps.Result) map[string]int {
	sent := make(map[string]int)
	for _, r := range results {
		sent[fmt.Sprintf("GET %s %d", r.Path, r.Status)]++
	}
	return sent
}

func (s *Span) key() string {
	return fmt.Sprintf("%s %s %d", s.Attrs["http.request.method"], s.path(), s.code())
}

// tally counts the spans of a kind by "METHOD path status".
func tally(spans []*Span, kind ptrace.SpanKind) map[string]int {
	counts := make(map[string]int)
	for _, s := range spans {
		if s.Kind == kind {
			counts[s.key()]++
		}
	}
	return counts
}

// requireEnclosed checks that every client span encloses its server span, which
// its path names, and that nothing was guessed.
func requireEnclosed(t *testing.T, spans []*Span) {
	t.Helper()
	inside := make(map[string]*Span)
	for _, s := range spans {
		if s.Kind == ptrace.SpanKindServer {
			inside[s.key()] = s
		}
	}
	for _, s := range spans {
		require.NotContains(t, s.Attrs, "ebpf.capture.incomplete")
		if inner := inside[s.key()]; s.Kind == ptrace.SpanKindClient && inner != nil {
			require.False(t, inner.Start.Before(s.Start) || inner.End.After(s.End),
				"the client span [%v %v] encloses the server span [%v %v]", s.Start, s.End, inner.Start, inner.End)
		}
	}
}

// TestSleep holds the duration of a slow request against the server's sleep, and
// the delay of the export against the promise: the best of three tries, for
// others use this machine too.
func TestSleep(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	var wrong string
	for try := range 3 {
		path := fmt.Sprintf("/sleep/150/%d", try)
		require.Equal(t, 200, curl(t, url(port, path)).Status)
		client, server := o.pair(t, path)
		requireEnclosed(t, []*Span{client, server})
		if wrong = untimely(client) + untimely(server); wrong == "" {
			return
		}
	}
	require.Empty(t, wrong)
}

// untimely says what is wrong with the times of a request that took 150 ms.
func untimely(s *Span) string {
	took, late := s.End.Sub(s.Start), s.Arrived.Sub(s.End)
	if (took-150*time.Millisecond).Abs() <= 5*time.Millisecond && late < 300*time.Millisecond {
		return ""
	}
	return fmt.Sprintf("%v: %v, exported %v later\n", s.Kind, took, late)
}

// TestOldConnections observes connections that were opened, and used, before the start.
func TestOldConnections(t *testing.T) {
	port := freePort(t)
	_, counts := goServer(t, fmt.Sprintf("127.0.0.1:%d", port))
	client := start(t, apps.Command("oldconns", fmt.Sprintf("127.0.0.1:%d", port)))
	require.Equal(t, "round 0", client.line(t))
	o := observe(t, onPort(port))
	for round := 1; round <= 3; round++ {
		fmt.Fprintln(client.in)
		require.Equal(t, fmt.Sprintf("round %d", round), client.line(t))
	}
	spans := o.settle(30)
	want := counts()
	for i := range 5 {
		delete(want, fmt.Sprintf("GET /s/200/old-0-%d 200", i))
	}
	require.Equal(t, want, tally(spans, ptrace.SpanKindServer))
	require.Equal(t, want, tally(spans, ptrace.SpanKindClient))
}
