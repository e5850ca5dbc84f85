//go:build linux

package truth

import (
	"fmt"
	"time"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
)

// value returns what a span says: of an attribute, its times, or its parts.
func (s *span) value(key string) (v float64, ok bool) {
	switch key {
	case startKey:
		return sinceBoot(s.start), true
	case endKey:
		return sinceBoot(s.end), true
	case sumKey:
		return s.parts()
	}
	switch v := s.attrs[key].(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case bool:
		return number01(v), true
	}
	return 0, false
}

// sinceBoot converts to seconds of CLOCK_MONOTONIC.
func sinceBoot(t time.Time) float64 {
	now := time.Now()
	return (emulator.Now() - now.Sub(t)).Seconds()
}

// inside are the parts of a span that lie in it.
var inside = []string{"accept_queue", "receive_queue", "request_transfer", "application", "send_queue",
	"request_delivery", "remote", "response_transfer", "remainder"}

// parts adds the parts up.
func (s *span) parts() (sum float64, ok bool) {
	for _, name := range inside {
		v, has := s.value("ebpf.latency." + name)
		sum += v
		ok = ok || has
	}
	return sum, ok
}

// sum is what the parts must add up to.
func (s *span) sum() number {
	n := exactly(sumKey, s.end.Sub(s.start))
	n.slack = max(0.0001, n.high/100)
	return n
}

// A tally is how one number fared over all spans.
type tally struct {
	total, missing, off int
	errors              []float64
}

// enter holds a number against the truth and says what is wrong with it.
func (t *tally) enter(n number, got float64, ok bool) string {
	t.total++
	switch {
	case !ok && (n.must || n.may):
		return ""
	case !ok:
		t.missing++
		if len(t.errors) == 0 {
			return "" // nothing tells it so far
		}
		return fmt.Sprintf("absent, want %.6g to %.6g", n.low, n.high)
	case n.must:
		t.off++
		return fmt.Sprintf("%.6g, should be absent", got)
	}
	far := max(n.low-got, got-n.high, 0)
	t.errors = append(t.errors, far)
	if far <= n.slack {
		return ""
	}
	t.off++
	return fmt.Sprintf("%.6g, want %.6g to %.6g", got, n.low, n.high)
}
