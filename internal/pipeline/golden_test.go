package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
)

var update = flag.Bool("update", false, "write what the recordings become now as what they must become")

// play runs a recording through everything above the kernel.
func play(t testing.TB, recording []byte) (ptrace.Traces, pmetric.Metrics, *Pipeline) {
	t.Helper()
	r, err := event.NewRecording(bytes.NewReader(recording))
	require.NoError(t, err)
	traces, metrics := ptrace.NewTraces(), pmetric.NewMetrics()
	p := New(Config{
		Source: r, Protocols: all.Protocols(all.Config{}), Mute: func(uint64) {}, Carry: func(uint64) {},
		Latency: &Latency{Slow: 10 * time.Millisecond},
		Host:    "testhost", Scope: "scope", Version: "1.2.3",
		Interval: time.Hour, MaxConnections: 1000, MaxSeries: 100, Lanes: 1,
		Offset: func() time.Duration { return 0 },
		Traces: func(_ context.Context, td ptrace.Traces) { td.ResourceSpans().MoveAndAppendTo(traces.ResourceSpans()) },
		Metrics: func(_ context.Context, md pmetric.Metrics) {
			md.ResourceMetrics().MoveAndAppendTo(metrics.ResourceMetrics())
		},
	})
	require.NoError(t, p.Run(t.Context()))
	return traces, metrics, p
}

// TestRecordings holds what the recordings of testdata/ become against the OTLP
// beside them. Identities, which are random, and times of aggregation are left out.
func TestRecordings(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/*.rec")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			recording, err := os.ReadFile(path)
			require.NoError(t, err)
			traces, metrics, _ := play(t, recording)
			got := text(t, traces, metrics)
			golden := strings.TrimSuffix(path, ".rec") + ".otlp.json"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// text is one line of OTLP JSON for each span and each metric, in a stable order.
func text(t testing.TB, traces ptrace.Traces, metrics pmetric.Metrics) string {
	t.Helper()
	var lines []string
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				one := ptrace.NewTraces()
				r := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(r.Resource())
				r.SetSchemaUrl(rs.SchemaUrl())
				q := r.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(q.Scope())
				q.SetSchemaUrl(ss.SchemaUrl())
				s.CopyTo(q.Spans().AppendEmpty())
				q.Spans().At(0).SetTraceID(pcommon.NewTraceIDEmpty())
				q.Spans().At(0).SetSpanID(pcommon.NewSpanIDEmpty())
				b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(one)
				require.NoError(t, err)
				lines = append(lines, fmt.Sprintf("%d %s", s.StartTimestamp(), indent(t, b)))
			}
		}
	}
	slices.Sort(lines)
	for _, rm := range metrics.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, p := range m.Histogram().DataPoints().All() {
					p.SetStartTimestamp(0)
					p.SetTimestamp(0)
				}
			}
		}
	}
	b, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(metrics)
	require.NoError(t, err)
	return strings.Join(append(lines, indent(t, b)), "\n") + "\n"
}

func indent(t testing.TB, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, b, "", " "))
	return out.String()
}
