package ebpfreceiver

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/edf076de/ebpfreceiver/internal/metrics"
)

// MetricsConfig says which metrics are delivered, by name: all that are not in it.
type MetricsConfig map[string]MetricConfig

// MetricConfig is what may be said of one metric.
type MetricConfig struct {
	Enabled bool `mapstructure:"enabled"`
}

// Unmarshal leaves a metric on unless it is switched off.
func (c *MetricConfig) Unmarshal(conf *confmap.Conf) error {
	c.Enabled = true
	return conf.Unmarshal(c)
}

// durationMetrics are the metrics of requests, by any protocol.
var durationMetrics = []string{
	"dns.lookup.duration",
	"http.client.request.duration",
	"http.server.request.duration",
}

// tlsMetrics are the metrics of TLS connections.
var tlsMetrics = []string{
	metrics.TLSConnections.Name,
	"ebpf.tls.handshake.duration",
}

func metricNames() []string {
	return slices.Concat(durationMetrics, tlsMetrics, metrics.HealthNames())
}

// Validate reports a name no metric has.
func (c MetricsConfig) Validate() error {
	names := metricNames()
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%q is not a metric; write %s", name, anyOf(similar(name, names)))
		}
	}
	return nil
}

// off returns the names of the metrics nobody wants.
func (c MetricsConfig) off() map[string]bool {
	off := map[string]bool{}
	for name, metric := range c {
		if !metric.Enabled {
			off[name] = true
		}
	}
	return off
}

// health reports whether any metric of the health of connections is wanted.
func (c MetricsConfig) health() bool {
	off := c.off()
	return slices.ContainsFunc(metrics.HealthNames(), func(name string) bool { return !off[name] })
}

// mostSimilar is how many names an error offers.
const mostSimilar = 3

// similar returns the names that name is most likely to be meant for, or all
// when it is like none of them.
func similar(name string, names []string) []string {
	distance := map[string]int{}
	for _, n := range names {
		distance[n] = editDistance(name, n)
	}
	byDistance := slices.SortedStableFunc(slices.Values(names), func(a, b string) int {
		return cmp.Compare(distance[a], distance[b])
	})
	nearest := distance[byDistance[0]]
	if nearest > len(name)/3 {
		return names
	}
	far := slices.IndexFunc(byDistance, func(n string) bool { return distance[n] > nearest+1 })
	if far < 0 {
		far = len(byDistance)
	}
	return byDistance[:min(far, mostSimilar)]
}

// editDistance is how many bytes must be put in, left out or replaced to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// anyOf returns "a, b or c".
func anyOf(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
