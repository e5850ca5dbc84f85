package pipeline

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/proto/all"
)

// translating plays three requests of one connection and returns the spans, how
// often a translation was looked up, and how often that failed.
func translating(t *testing.T, failure error, traces bool) (ptrace.Traces, int, uint64) {
	t.Helper()
	got, looks := ptrace.NewTraces(), 0
	c := Config{
		Source: &burst{n: 3, after: func() {}}, Protocols: all.Protocols(all.Config{}), Mute: func(uint64) {}, Carry: func(uint64) {}, Lanes: 1,
		Interval: time.Hour, MaxConnections: 100, MaxSeries: 100,
		Metrics: func(context.Context, pmetric.Metrics) {},
		Translated: func(_ uint32, local, remote netip.AddrPort) (netip.AddrPort, netip.AddrPort, error) {
			looks++
			require.Equal(t, "127.0.0.1:8080", local.String())
			require.Equal(t, "127.0.0.1:40000", remote.String())
			if failure != nil {
				return netip.AddrPort{}, netip.AddrPort{}, failure
			}
			return netip.MustParseAddrPort("10.9.9.9:80"), netip.AddrPort{}, nil
		},
	}
	if traces {
		c.Traces = func(_ context.Context, td ptrace.Traces) {
			td.ResourceSpans().MoveAndAppendTo(got.ResourceSpans())
		}
	}
	p := New(c)
	require.NoError(t, p.Run(t.Context()))
	var failed uint64
	for _, l := range p.Losses() {
		if l.Reason == "nat_unknown" {
			failed += l.N
		}
	}
	return got, looks, failed
}

// TestTranslated looks once for a connection, and tells it on all of its spans.
func TestTranslated(t *testing.T) {
	traces, looks, failed := translating(t, nil, true)
	require.Equal(t, 1, looks)
	require.Zero(t, failed)
	require.Equal(t, 3, traces.SpanCount())
	for _, s := range traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		address, _ := s.Attributes().Get("ebpf.nat.local.address")
		require.Equal(t, "10.9.9.9", address.Str())
		_, told := s.Attributes().Get("ebpf.nat.peer.address")
		require.False(t, told)
	}
}

func TestTranslationUnknown(t *testing.T) {
	traces, looks, failed := translating(t, errors.New("no answer"), true)
	require.Equal(t, 1, looks)
	require.Equal(t, uint64(1), failed)
	require.Equal(t, 3, traces.SpanCount())
}

func TestTranslationUnwanted(t *testing.T) {
	_, looks, _ := translating(t, nil, false)
	require.Zero(t, looks, "no spans, no question")
}
