package metrics

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dnsconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
)

// A register is a meter that remembers what histograms were asked of it: the
// packages of the conventions say all they know of a metric in no other way.
type register struct {
	noop.Meter
	histograms map[string]metric.Float64HistogramConfig
}

func (r register) Float64Histogram(name string, options ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	r.histograms[name] = metric.NewFloat64HistogramConfig(options...)
	return noop.Float64Histogram{}, nil
}

// conventions returns the histograms of durations that the conventions define.
func conventions(t *testing.T) map[string]metric.Float64HistogramConfig {
	t.Helper()
	r := register{histograms: map[string]metric.Float64HistogramConfig{}}
	_, err1 := httpconv.NewClientRequestDuration(r)
	_, err2 := httpconv.NewServerRequestDuration(r)
	_, err3 := rpcconv.NewClientCallDuration(r)
	_, err4 := rpcconv.NewServerCallDuration(r)
	_, err5 := dbconv.NewClientOperationDuration(r)
	_, err6 := dnsconv.NewLookupDuration(r)
	_, err7 := messagingconv.NewClientOperationDuration(r)
	_, err8 := messagingconv.NewProcessDuration(r)
	for _, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r.histograms
}

func TestProtocolsFollowTheConventions(t *testing.T) {
	known := conventions(t)
	for _, p := range all.Protocols(all.Config{}) {
		for _, side := range []proto.Side{proto.Client, proto.Server} {
			m := p.Duration[side]
			if m.Name == "" || strings.HasPrefix(m.Name, "ebpf.") {
				continue // metrics are a protocol's choice, and this receiver's own have no convention
			}
			want, ok := known[m.Name]
			if !ok {
				t.Errorf("%s: the conventions have no %s", p.Name, m.Name)
				continue
			}
			if m.Description != want.Description() || want.Unit() != "s" {
				t.Errorf("%s: %q in seconds, want %q in %q", m.Name, m.Description, want.Description(), want.Unit())
			}
			// Package dnsconv leaves out the buckets its document names.
			if len(want.ExplicitBucketBoundaries()) > 0 && !slices.Equal(m.Bounds, want.ExplicitBucketBoundaries()) {
				t.Errorf("%s: buckets %v, want %v", m.Name, m.Bounds, want.ExplicitBucketBoundaries())
			}
		}
	}
}

func TestSchema(t *testing.T) {
	if schemaURL != semconv.SchemaURL {
		t.Errorf("%s, want %s", schemaURL, semconv.SchemaURL)
	}
}
