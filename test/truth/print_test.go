//go:build linux

package truth

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

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
