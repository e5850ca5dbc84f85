package metrics

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/health"
)

// A row is what a table of the README says of one metric.
type row struct{ kind, unit, attributes string }

// documented reads the tables of a section of the receiver's README: the
// attributes of all of its metrics, and the metrics.
func documented(t *testing.T, title string) (common []string, metrics map[string]row) {
	t.Helper()
	text, err := os.ReadFile("../../receiver/ebpfreceiver/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### "+title+"\n")
	section, _, _ = strings.Cut(section, "\n### ")
	metrics = map[string]row{}
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name := strings.Trim(cells[0], "`")
		if len(cells) == 2 {
			common = append(common, name)
		} else {
			metrics[name] = row{cells[1], cells[2], cells[3]}
		}
	}
	return common, metrics
}

func TestDocumented(t *testing.T) {
	common, want := documented(t, "Health of connections")
	tcp := health.Series{Key: client(443), Values: everything()}
	udp := tcp
	udp.Transport = health.UDP
	out := newWard(Config{}).collect(process1(tcp, udp))
	metrics := out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	for _, m := range metrics.All() {
		w, ok := want[m.Name()]
		if !ok {
			t.Errorf("%s is not documented", m.Name())
		}
		if got := rowOf(m, common); got != w {
			t.Errorf("%s is %+v, documented %+v", m.Name(), got, w)
		}
		if !strings.HasSuffix(m.Description(), ".") {
			t.Errorf("%s: %q", m.Name(), m.Description())
		}
	}
	if metrics.Len() != len(want) || len(HealthNames()) != len(want) {
		t.Errorf("%d metrics, %d documented", metrics.Len(), len(want))
	}
}

// rowOf is what the table should say of a metric.
func rowOf(m pmetric.Metric, common []string) row {
	r := row{kind: "sum, cumulative", unit: m.Unit()}
	switch {
	case m.Type() == pmetric.MetricTypeHistogram:
		r.kind = "histogram, cumulative"
	case !m.Sum().IsMonotonic():
		r.kind = "sum, not monotonic"
	}
	var names []string
	for _, attrs := range attributesOf(m) {
		for key := range attrs.All() {
			if name := "`" + key + "`"; !slices.Contains(common, key) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	r.attributes = strings.Join(names, " ")
	return r
}

// attributesOf returns the attributes of all points.
func attributesOf(m pmetric.Metric) (all []pcommon.Map) {
	if m.Type() == pmetric.MetricTypeHistogram {
		for _, p := range m.Histogram().DataPoints().All() {
			all = append(all, p.Attributes())
		}
		return all
	}
	for _, p := range m.Sum().DataPoints().All() {
		all = append(all, p.Attributes())
	}
	return all
}
