package metrics

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// tally counts the points that are no overflow, those that are, and all exchanges.
func tally(m pmetric.Metrics) (series, overflow int, exchanges uint64) {
	for p := range points(m) {
		exchanges += p.Count()
		if v, ok := p.Attributes().Get("otel.metric.overflow"); ok && v.Bool() && p.Attributes().Len() == 1 {
			overflow++
		} else {
			series++
		}
	}
	return series, overflow, exchanges
}

// points iterates over all data points.
func points(m pmetric.Metrics) func(yield func(pmetric.HistogramDataPoint) bool) {
	return func(yield func(pmetric.HistogramDataPoint) bool) {
		for _, rm := range m.ResourceMetrics().All() {
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				for _, p := range m.Histogram().DataPoints().All() {
					if !yield(p) {
						return
					}
				}
			}
		}
	}
}

func TestOverflow(t *testing.T) {
	b := newBench(3)
	r1, c1 := newProcess(1, "a")
	r2, c2 := newProcess(2, "b")
	for i := range 10 {
		b.add(r1, c1, proto.Int("i", int64(i)))
		b.add(r2, c2, proto.Int("i", int64(i)))
	}
	b.Exchange(r1, c1, &proto.Exchange{Side: proto.Client}, b.now) // another metric, another limit
	series, overflow, exchanges := tally(b.flush())
	if series != 4 || overflow != 2 || exchanges != 21 {
		t.Errorf("%d series, %d overflows, %d exchanges", series, overflow, exchanges)
	}
}

func TestExitDropsAfterTwoQuietFlushes(t *testing.T) {
	b := newBench(1)
	r, c := newProcess(1, "a")
	b.add(r, c)
	b.flush()
	b.flush()
	b.flush()
	b.Exited(c.Process.ID)
	b.add(r, c)
	for i, want := range []uint64{2, 2, 0} {
		if i == 1 {
			b.Exited(c.Process.ID) // once more changes nothing
		}
		if _, _, got := tally(b.flush()); got != want {
			t.Errorf("flush %d after the exit: %d exchanges, want %d", i, got, want)
		}
	}
	r, c = newProcess(2, "b")
	b.add(r, c)
	if series, overflow, _ := tally(b.flush()); series != 1 || overflow != 0 {
		t.Errorf("the limit was not freed: %d series, %d overflows", series, overflow)
	}
}

func TestExitOfAQuietProcessIsFlushedOnce(t *testing.T) {
	b := newBench(1)
	r, c := newProcess(1, "a")
	b.add(r, c)
	b.flush()
	b.Exited(c.Process.ID)
	for i, want := range []int{1, 0} {
		if got := b.flush().DataPointCount(); got != want {
			t.Errorf("flush %d after the exit: %d points, want %d", i, got, want)
		}
	}
}

func TestExitBeforeTheFirstExchange(t *testing.T) {
	b := newBench(1)
	r, c := newProcess(1, "a")
	b.Exited(c.Process.ID)
	b.add(r, c)
	for i, want := range []int{1, 1, 0} {
		if got := b.flush().DataPointCount(); got != want {
			t.Errorf("flush %d: %d points, want %d", i, got, want)
		}
	}
	if len(b.owners) != 0 || len(b.byID) != 0 {
		t.Errorf("%d owners, %d by ID", len(b.owners), len(b.byID))
	}
}

func TestExitOfAProcessWithoutExchanges(t *testing.T) {
	b := newBench(1)
	b.Exited(process.ID{PID: 7})
	b.flush()
	b.flush()
	if len(b.owners) != 0 || len(b.byID) != 0 {
		t.Errorf("%d owners, %d by ID", len(b.owners), len(b.byID))
	}
}

func TestIdleSeriesStartsAnew(t *testing.T) {
	b := newBench(1)
	r, c := newProcess(1, "a")
	b.add(r, c)
	for range 60 {
		if p := point(t, b.flush()); p.Count() != 1 {
			t.Fatalf("count %d", p.Count())
		}
	}
	if got := b.flush().DataPointCount(); got != 0 || len(b.owners) != 0 || len(b.byID) != 0 {
		t.Fatalf("%d points, %d owners after an hour", got, len(b.owners))
	}
	back := b.now
	b.add(r, c)
	if p := point(t, b.flush()); p.Count() != 1 || p.StartTimestamp() != pcommon.NewTimestampFromTime(back) {
		t.Errorf("count %d since %s", p.Count(), p.StartTimestamp())
	}
}

func TestOneIdleSeriesOfABusyProcess(t *testing.T) {
	b := newBench(2)
	r, c := newProcess(1, "a")
	b.add(r, c, proto.Str("k", "once"))
	for range 62 {
		b.add(r, c, proto.Str("k", "often"))
		b.flush()
	}
	b.add(r, c, proto.Str("k", "new"))
	if series, overflow, exchanges := tally(b.flush()); series != 2 || overflow != 0 || exchanges != 63 {
		t.Errorf("%d series, %d overflows, %d exchanges", series, overflow, exchanges)
	}
}

func TestExec(t *testing.T) {
	b := newBench(10)
	before, c := newProcess(1, "sh")
	after, _ := newProcess(1, "curl")
	again, _ := newProcess(1, "curl")
	b.add(before, c)
	b.add(after, c)
	b.add(again, c) // the cache made the same resource anew
	out := b.flush()
	if out.ResourceMetrics().Len() != 2 {
		t.Fatalf("%d ResourceMetrics", out.ResourceMetrics().Len())
	}
	b.flush()
	if p := point(t, b.flush()); p.Count() != 2 {
		t.Errorf("count %d", p.Count())
	}
	b.Exited(c.Process.ID)
	b.flush()
	b.flush()
	if len(b.owners) != 0 || len(b.byID) != 0 {
		t.Errorf("%d owners, %d by ID", len(b.owners), len(b.byID))
	}
}

// TestNothingIsLost plays a long random life and counts at every flush: what
// was recorded is delivered or was delivered before it expired.
func TestNothingIsLost(t *testing.T) {
	const limit = 5
	b := newBench(limit)
	random := rand.New(rand.NewPCG(1, 2))
	sent := map[string]uint64{} // by service
	seen := map[string]uint64{} // the most any flush delivered
	for pid := range uint32(300) {
		name := fmt.Sprint(pid)
		r, c := newProcess(pid, name)
		for range random.IntN(20) {
			b.add(r, c, proto.Int("i", random.Int64N(8)))
			sent[name]++
		}
		if random.IntN(3) > 0 {
			b.Exited(c.Process.ID)
		}
		b.now = b.now.Add(time.Duration(random.IntN(10)) * time.Minute)
		checkLimit(t, b, limit, seen)
	}
	for name, n := range sent {
		if seen[name] != n {
			t.Errorf("process %s: sent %d, delivered %d", name, n, seen[name])
		}
	}
}

func checkLimit(t *testing.T, b *bench, limit int, seen map[string]uint64) {
	t.Helper()
	out := b.flush()
	if series, _, _ := tally(out); series > limit {
		t.Fatalf("%d series", series)
	}
	for _, rm := range out.ResourceMetrics().All() {
		service, _ := rm.Resource().Attributes().Get("service.name")
		var n uint64
		for _, p := range rm.ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints().All() {
			n += p.Count()
		}
		seen[service.Str()] = max(seen[service.Str()], n)
	}
}
