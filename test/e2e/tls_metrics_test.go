//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// counts returns what the series of a metric have counted, by their attributes
// but the port.
func (o *observer) counts(name string) map[string]uint64 {
	last := map[string]uint64{}
	by := map[string]string{}
	take := func(r pcommon.Resource, attrs pcommon.Map, n uint64) {
		var words []string
		for _, key := range []string{"ebpf.connection.role", "tls.protocol.version", "tls.resumed", "ebpf.tls.plaintext", "error.type"} {
			if v, ok := attrs.Get(key); ok {
				words = append(words, v.AsString())
			}
		}
		series := fmt.Sprint(r.Attributes().AsRaw(), attrs.AsRaw())
		last[series], by[series] = n, strings.Join(words, " ")
	}
	for _, md := range o.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				switch {
				case m.Name() != name:
				case m.Type() == pmetric.MetricTypeSum:
					for _, p := range m.Sum().DataPoints().All() {
						take(rm.Resource(), p.Attributes(), uint64(p.IntValue()))
					}
				case m.Type() == pmetric.MetricTypeHistogram:
					for _, p := range m.Histogram().DataPoints().All() {
						take(rm.Resource(), p.Attributes(), p.Count())
					}
				}
			}
		}
	}
	all := map[string]uint64{}
	for series, n := range last {
		all[by[series]] += n
	}
	return all
}

// TestTLSMetrics counts handshakes and connections of processes that live for one
// of them each, whether or not their plaintext is seen. A handshake is no span.
func TestTLSMetrics(t *testing.T) {
	const good, bad = 12, 5
	certificate, authority := certify(t)
	_, stranger := certify(t)
	port := freePort(t)
	o := observe(t, onPort(port))
	opensslServer(t, port, "1.3", certificate)
	for range good {
		require.NoError(t, curlCommand(curlTLSArgs(port, authority, "-o", "/dev/null")...).Run())
	}
	for range bad {
		require.Error(t, curlCommand(curlTLSArgs(port, stranger)...).Run())
	}
	time.Sleep(2500 * time.Millisecond) // two collections
	require.Empty(t, o.seen(func(s *Span) bool { return s.Name == "TLS handshake" }))
	require.Empty(t, o.lost(t))
	require.Equal(t, int64(2*good), o.total(t, "otelcol_ebpf_tls_connections"))
	require.Zero(t, o.total(t, "otelcol_ebpf_tls_connections_opaque"))
	o.stop()
	shakes := o.counts("ebpf.tls.handshake.duration")
	const alerted, reset = "server 1.3 false unknown_ca", "server 1.3 false connection_reset"
	shakes[alerted] += shakes[reset] // which may come before the server reads the alert
	delete(shakes, reset)
	require.Equal(t, map[string]uint64{
		"client 1.3 false": good, "server 1.3 false": good, "client 1.3 false unknown_ca": bad, alerted: bad,
	}, shakes)
	ended := map[string]uint64{}
	for series, n := range o.counts("ebpf.tls.connection.count") {
		side, _, _ := strings.Cut(series, " ")
		ended[side] += n
	}
	require.Equal(t, map[string]uint64{"client": good, "server": good}, ended)
}
