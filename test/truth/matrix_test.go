//go:build linux

package truth

import (
	"fmt"
	"slices"
	"sync"
	"time"
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
