//go:build linux

package truth

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
)

// columns are the verdicts in the order of the matrix.
var columns = []string{network, application, peer, theClient, dns, connect, none, unknown, missing}

// A finding is one span, or its absence, and what it should say.
type finding struct {
	ground  *ground
	side    string
	span    *span // nil: there was none
	allowed allowed
	numbers []number
}

// A row is what the spans of one side said of one cause.
type row struct {
	cause, side                    string
	verdicts                       map[string]int
	right, wrong, total, disturbed int
	costs                          []time.Duration // of the cause, for each request
}

// A matrix holds the injected causes against the verdicts, and the numbers
// against the truth.
type matrix struct {
	mu      sync.Mutex
	rows    []*row
	numbers map[string]*tally
	details []string
	told    map[string]int // details by cause and kind
	surplus []string       // what is wrong besides
}

// newMatrix makes the rows of all causes that lead to spans, in their order.
func newMatrix(causes []cause) *matrix {
	m := &matrix{numbers: map[string]*tally{}, told: map[string]int{}}
	for _, c := range causes {
		if c.judge != nil {
			m.row(c.name, "client")
			m.row(c.name, "server")
		}
	}
	return m
}

func (m *matrix) row(cause, side string) *row {
	for _, r := range m.rows {
		if r.cause == cause && r.side == side {
			return r
		}
	}
	r := &row{cause: cause, side: side, verdicts: map[string]int{}}
	m.rows = append(m.rows, r)
	return r
}

// enter judges a span.
func (m *matrix) enter(cause string, f finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	verdict := f.verdict()
	r := m.row(cause, f.side)
	r.total++
	r.verdicts[verdict]++
	switch {
	case slices.Contains(f.allowed.right, verdict):
		r.right++
	case verdict == unknown || verdict == missing || slices.Contains(f.allowed.tolerated, verdict):
		m.detail(cause, f.side, "%s, want %v: %v", verdict, f.allowed.right, f)
	default:
		r.wrong++
		m.detail(cause, f.side, "WRONG %s, want %v: %v", verdict, f.allowed.right, f)
	}
	if f.span != nil {
		m.measure(cause, f)
	}
}

func (f *finding) verdict() string {
	if f.span == nil {
		return missing
	}
	if v, ok := f.span.attrs["ebpf.verdict"].(string); ok {
		return v
	}
	return missing
}

// measure holds each number against the truth.
func (m *matrix) measure(cause string, f finding) {
	for _, n := range append(f.numbers, f.span.sum()) {
		key := f.side + " " + n.key
		t := m.numbers[key]
		if t == nil {
			t = &tally{}
			m.numbers[key] = t
		}
		got, ok := f.span.value(n.key)
		if problem := t.enter(n, got, ok); problem != "" {
			m.detail(cause, key, "%s (%s)", problem, f.ground.sent.Path)
		}
	}
}

// detail keeps what is wrong with a span, but for the third time of the same kind.
func (m *matrix) detail(cause, kind, format string, args ...any) {
	key := cause + " " + kind
	m.told[key]++
	if m.told[key] <= shown {
		m.details = append(m.details, key+": "+fmt.Sprintf(format, args...))
	}
}

// cost enters what the cause cost a request, and whether that is what was meant.
func (m *matrix) cost(c *cause, g *ground) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cost := c.cost(g)
	r := m.row(c.name, "client")
	r.costs = append(r.costs, cost)
	if cost < c.least {
		m.surplus = append(m.surplus, fmt.Sprintf("%s: the cause cost %v, meant were %v", g.sent.Path, cost, c.least))
	}
}

// disturbed says how many requests did not count, and how many are missing.
func (m *matrix) disturbed(cause string, n, short int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.row(cause, "client").disturbed = n
	if short > 0 {
		m.surplus = append(m.surplus, fmt.Sprintf("%s: %d requests are missing, %d were disturbed", cause, short, n))
	}
}

// unexpected says which spans there are of a request that never was.
func (m *matrix) unexpected(cause string, spans []*span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range spans {
		m.surplus = append(m.surplus, fmt.Sprintf("%s: %v", cause, s.attrs))
	}
}

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

const (
	leastRight = 0.98 // of all verdicts
	mostOff    = 0.02 // of each number
	shown      = 2    // details of a kind
)

// flaws says why the suite fails.
func (m *matrix) flaws() (found []string) {
	right, total := 0, 0
	for _, r := range m.rows {
		right, total = right+r.right, total+r.total
		if r.wrong > 0 {
			found = append(found, fmt.Sprintf("%s, %s: %d of %d verdicts wrong", r.cause, r.side, r.wrong, r.total))
		}
	}
	if share := float64(right) / float64(total); share < leastRight {
		found = append(found, fmt.Sprintf("%.1f %% of the verdicts right", 100*share))
	}
	for key, t := range m.numbers {
		if bad := t.missing + t.off; float64(bad) > max(2, mostOff*float64(t.total)) {
			found = append(found, fmt.Sprintf("%s: %d of %d absent, %d off", key, t.missing, t.total, t.off))
		}
	}
	return append(found, m.surplus...)
}

// print writes the matrix, the numbers and what is wrong with some spans.
func (m *matrix) print(w io.Writer) {
	m.printRows(w)
	m.printNumbers(w)
	for _, d := range slices.Sorted(slices.Values(m.details)) {
		fmt.Fprintln(w, d)
	}
}

func (m *matrix) printRows(w io.Writer) {
	fmt.Fprintf(w, "%-18s %-6s", "cause", "span")
	for _, c := range columns {
		fmt.Fprintf(w, "  %s", c)
	}
	fmt.Fprintf(w, " | %5s %5s %9s %10s\n", "right", "wrong", "disturbed", "cost")
	var sum row
	for _, r := range m.rows {
		fmt.Fprintf(w, "%-18s %-6s", r.cause, r.side)
		for _, c := range columns {
			fmt.Fprintf(w, "  %*s", len(c), orDot(r.verdicts[c]))
		}
		fmt.Fprintf(w, " | %5d %5d %9s %10s\n", r.right, r.wrong, orDot(r.disturbed), middle(r.costs))
		sum.right, sum.wrong, sum.total = sum.right+r.right, sum.wrong+r.wrong, sum.total+r.total
	}
	fmt.Fprintf(w, "%d spans: %.2f %% right, %d wrong\n\n", sum.total, 100*float64(sum.right)/float64(sum.total), sum.wrong)
}

func (m *matrix) printNumbers(w io.Writer) {
	fmt.Fprintf(w, "%-38s %6s %6s %6s   error: %-9s %-9s\n", "number", "spans", "absent", "off", "median", "worst")
	for _, key := range slices.Sorted(maps.Keys(m.numbers)) {
		t := m.numbers[key]
		fmt.Fprintf(w, "%-38s %6d %6s %6s", key, t.total, orDot(t.missing), orDot(t.off))
		if errors := slices.Sorted(slices.Values(t.errors)); len(errors) > 0 {
			fmt.Fprintf(w, "          %-9.3g %-9.3g", errors[len(errors)/2], errors[len(errors)-1])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// String shows what a span says and what is true.
func (f finding) String() string {
	if f.span == nil {
		return "no span"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%v", f.span.end.Sub(f.span.start))
	for _, n := range f.numbers {
		got, ok := f.span.value(n.key)
		if n.key == startKey || n.key == endKey || !ok && n.must {
			continue
		}
		fmt.Fprintf(&text, "\n    %s ", n.key)
		if ok {
			fmt.Fprintf(&text, "%.6g", got)
		} else {
			fmt.Fprint(&text, missing)
		}
		fmt.Fprintf(&text, ", true %.6g to %.6g", n.low, n.high)
	}
	return text.String()
}

// middle returns the median of some times, as text.
func middle(times []time.Duration) string {
	if len(times) == 0 {
		return "."
	}
	return fmt.Sprintf("%.1f ms", median(times).Seconds()*1000)
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

func orDot(n int) string {
	if n == 0 {
		return "."
	}
	return fmt.Sprint(n)
}
