package ebpfreceiver

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver/internal/metadatatest"
)

func point(n int64, attrs ...attribute.KeyValue) metricdata.DataPoint[int64] {
	attrs = append(attrs, attribute.String("receiver", "ebpf"))
	return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attrs...)}
}

func lossPoint(n int64, stage, reason, part string) metricdata.DataPoint[int64] {
	return point(n, attribute.String("stage", stage), attribute.String("reason", reason), attribute.String("part", part))
}

func hookPoint(n int64, hook, form string) metricdata.DataPoint[int64] {
	return point(n, attribute.String("hook", hook), attribute.String("form", form))
}

func TestSelfMetrics(t *testing.T) {
	tel := componenttest.NewTelemetry()
	k := &fakeKernel{}
	k.setStates(recvHook, sendFails)
	r, err := newFactory(k.kernel()).CreateTraces(t.Context(), metadatatest.NewSettings(tel),
		createDefaultConfig(), consumertest.NewErr(consumererror.NewPermanent(errBusy)))
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	k.traces(oneSpan())

	opt := metricdatatest.IgnoreTimestamp()
	one := func(n int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{point(n)} }
	metadatatest.AssertEqualEbpfRecords(t, tel, one(10), opt)
	metadatatest.AssertEqualEbpfConnections(t, tel, one(1), opt)
	metadatatest.AssertEqualEbpfKernelMemory(t, tel, one(4096), opt)
	metadatatest.AssertEqualEbpfExchanges(t, tel,
		[]metricdata.DataPoint[int64]{point(5, attribute.String("protocol", "http1"))}, opt)
	metadatatest.AssertEqualEbpfTLSConnections(t, tel, []metricdata.DataPoint[int64]{
		point(6, attribute.String("plaintext", "seen")), point(7, attribute.String("plaintext", "unseen")),
	}, opt)
	metadatatest.AssertEqualEbpfTLSConnectionsOpaque(t, tel, one(8), opt)
	metadatatest.AssertEqualEbpfProbeAttached(t, tel, []metricdata.DataPoint[int64]{
		hookPoint(1, "recv", "tp_btf/sock_recv_length"),
		hookPoint(0, "send", "none"),
	}, opt)
	metadatatest.AssertEqualEbpfLost(t, tel, []metricdata.DataPoint[int64]{
		lossPoint(3, "kernel", "ring_full", "request"),
		lossPoint(2, "pipeline", "gap", "http1"),
		lossPoint(1, "consumer", "refused", "traces"),
	}, opt)
	requireRefused(t, tel)

	require.NoError(t, r.Shutdown(t.Context()))
	_, err = tel.GetMetric("otelcol_ebpf_records")
	require.Error(t, err, "nothing reads the probes after the shutdown")
	require.NoError(t, tel.Shutdown(t.Context()))
}

// requireRefused checks that the Collector's common counters know of the refusal.
func requireRefused(t *testing.T, tel *componenttest.Telemetry) {
	t.Helper()
	m, err := tel.GetMetric("otelcol_receiver_refused_spans")
	require.NoError(t, err)
	metricdatatest.AssertHasAttributes(t, m,
		attribute.String("receiver", "ebpf"), attribute.String("transport", "ebpf"))
}
