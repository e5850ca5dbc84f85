package pipeline

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
)

func recording(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("../../testdata/go-session.rec")
	require.NoError(t, err)
	return b
}

func TestTotalsAndLosses(t *testing.T) {
	traces, _, p := play(t, recording(t))
	totals := p.Totals()
	require.Equal(t, uint64(traces.SpanCount()), totals.Exchanges["http1"])
	require.NotZero(t, totals.Records)
	for _, c := range p.Losses() {
		require.Zero(t, c.N, "%+v", c)
	}
}

// TestRecordsCut plays a recording with every record cut short or left out: the
// pipeline counts, and says nothing that is not so.
func TestRecordsCut(t *testing.T) {
	whole, _, _ := play(t, recording(t))
	for _, every := range []int{2, 3, 5, 7} {
		l := &lossy{Source: source(t), every: every}
		var spans int
		p := New(Config{
			Source: l, Protocols: all.Protocols(all.Config{}), Mute: func(uint64) {}, Carry: func(uint64) {}, Lanes: 3,
			Interval: time.Hour, MaxConnections: 1000, MaxSeries: 100,
			Traces: func(_ context.Context, td ptrace.Traces) { spans += td.SpanCount() },
		})
		require.NoError(t, p.Run(t.Context()))
		require.LessOrEqual(t, spans, whole.SpanCount())
		require.NotZero(t, p.Losses())
	}
}

func source(t testing.TB) event.Source {
	t.Helper()
	f, err := os.Open("../../testdata/go-session.rec")
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	r, err := event.NewRecording(f)
	require.NoError(t, err)
	return r
}

// lossy leaves out every so manieth record, and cuts the one behind it.
type lossy struct {
	event.Source
	every, n int
}

func (l *lossy) Drain(take func([]byte)) error {
	return l.Source.Drain(func(b []byte) {
		switch l.n++; l.n % l.every {
		case 0:
		case 1:
			take(b[:min(len(b), 20)])
		default:
			take(b)
		}
	})
}

// TestSlowConsumer has a consumer that takes nothing while the source goes on:
// spans are dropped and counted, and the metrics are exact.
func TestSlowConsumer(t *testing.T) {
	release := make(chan struct{})
	delivered := 0
	var points uint64
	const n = (outletQueue + 10) * spansBatch
	p := New(Config{
		Source: &burst{n: n, after: func() { close(release) }}, Protocols: all.Protocols(all.Config{}), Mute: func(uint64) {}, Carry: func(uint64) {}, Lanes: 1,
		Interval: time.Hour, MaxConnections: 100, MaxSeries: 100,
		Traces: func(_ context.Context, td ptrace.Traces) {
			<-release
			delivered += td.SpanCount()
		},
		Metrics: func(_ context.Context, md pmetric.Metrics) {
			for _, rm := range md.ResourceMetrics().All() {
				for _, p := range rm.ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints().All() {
					points += p.Count()
				}
			}
		},
	})
	require.NoError(t, p.Run(t.Context()))
	var dropped uint64
	for _, c := range p.Losses() {
		if c.Reason == "export_queue_full" && c.Part == "traces" {
			dropped = c.N
		}
	}
	require.NotZero(t, dropped)
	require.Equal(t, uint64(n), uint64(delivered)+dropped)
	require.Equal(t, uint64(n), points)
}

// burst is a source of the records of n requests that then ends.
type burst struct {
	n     int
	after func()
}

func (s *burst) Drain(take func([]byte)) error {
	x := newExchanges(take)
	for range s.n {
		x.one()
	}
	return nil
}

func (*burst) Wake() {}

func (s *burst) Wait(time.Duration) error {
	s.after()
	return io.EOF
}

func TestClock(t *testing.T) {
	mono, wall := time.Duration(0), 1000*time.Hour
	c := &clock{read: func() (time.Duration, time.Duration) { return mono, wall }}
	require.Equal(t, wall, c.Offset())
	wall += clockSlack / 2 // jitter
	require.Equal(t, 1000*time.Hour, c.Offset())
	wall += time.Second // somebody set the clock
	require.Equal(t, wall, c.Offset())
}

// TestClockTrustsTheShortestReading has all readings but one interrupted.
func TestClockTrustsTheShortestReading(t *testing.T) {
	now, reads := time.Duration(0), 0
	c := &clock{read: func() (time.Duration, time.Duration) {
		reads++
		now += time.Microsecond
		if reads%3 == 0 && reads != 9 {
			now += time.Millisecond // behind the reading of the wall clock
		}
		return now, now + time.Hour
	}}
	require.InDelta(t, time.Hour, c.Offset(), float64(2*time.Microsecond))
}

func TestBatch(t *testing.T) {
	var b batch
	for _, s := range []string{"", "a", "12345678", "123456789"} {
		b.add([]byte(s))
	}
	var got []string
	b.each(func(r []byte) { got = append(got, string(r)) })
	require.Equal(t, []string{"", "a", "12345678", "123456789"}, got)
}
