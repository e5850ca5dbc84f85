package ebpfreceiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// both makes the traces and the metrics component of a configuration.
func both(t *testing.T, f receiver.Factory, cfg *Config) (traces, metrics component.Component) {
	t.Helper()
	traces, err := f.CreateTraces(t.Context(), nopSettings, cfg, consumertest.NewNop())
	require.NoError(t, err)
	metrics, err = f.CreateMetrics(t.Context(), nopSettings, cfg, consumertest.NewNop())
	require.NoError(t, err)
	return traces, metrics
}

// Traces and metrics of one configuration share one set of probes.
func TestSignalsShareProbes(t *testing.T) {
	k := &fakeKernel{}
	traces, metrics := both(t, newFactory(k.kernel()), createDefaultConfig())
	for _, c := range []component.Component{traces, metrics} {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	}
	assert.Len(t, k.opened, 1)
	assert.NotNil(t, k.pipelineConfig().Traces)
	assert.NotNil(t, k.pipelineConfig().Metrics)
	for _, c := range []component.Component{traces, metrics} {
		require.NoError(t, c.Shutdown(t.Context()))
	}
	assert.Zero(t, k.attached())
	assert.Equal(t, 1, k.closed)
}

func TestSignalsShareStartError(t *testing.T) {
	k := &fakeKernel{openErr: errNoBTF}
	traces, metrics := both(t, newFactory(k.kernel()), createDefaultConfig())
	require.ErrorIs(t, traces.Start(t.Context(), componenttest.NewNopHost()), errNoBTF)
	require.ErrorIs(t, metrics.Start(t.Context(), componenttest.NewNopHost()), errNoBTF)
	assert.Len(t, k.opened, 1)
	require.NoError(t, traces.Shutdown(t.Context()))
	require.NoError(t, metrics.Shutdown(t.Context()))
}

// The signal that starts last learns what the first one was told.
func TestSignalsShareStatus(t *testing.T) {
	k := &fakeKernel{openErr: errNoBTF}
	cfg := createDefaultConfig()
	cfg.ErrorMode = Ignore
	traces, metrics := both(t, newFactory(k.kernel()), cfg)
	first, second := &fakeHost{}, &fakeHost{}
	require.NoError(t, traces.Start(t.Context(), first))
	require.NoError(t, metrics.Start(t.Context(), second))
	first.requireStatus(t, componentstatus.StatusPermanentError)
	second.requireStatus(t, componentstatus.StatusPermanentError)
	require.NoError(t, traces.Shutdown(t.Context()))
	require.NoError(t, metrics.Shutdown(t.Context()))
}

// Two configurations of one Collector do not share, even when they are equal.
func TestConfigurationsDoNotShare(t *testing.T) {
	k := &fakeKernel{}
	k.setStates(probe.State{Hook: "recv", Form: "kprobe"})
	f := newFactory(k.kernel())
	first, _ := both(t, f, createDefaultConfig())
	second, _ := both(t, f, createDefaultConfig())
	require.NoError(t, first.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, second.Start(t.Context(), componenttest.NewNopHost()))
	assert.Equal(t, 2, k.attached())
	require.NoError(t, first.Shutdown(t.Context()))
	assert.Equal(t, 1, k.attached())
	require.NoError(t, second.Shutdown(t.Context()))
	assert.Zero(t, k.attached())
}

// A factory forgets its receivers, so that reloads do not gather them.
func TestFactoryForgets(t *testing.T) {
	s := newShared((&fakeKernel{}).kernel())
	r := s.of(nopSettings, createDefaultConfig())
	assert.Len(t, s.receivers, 1)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Empty(t, s.receivers)
}
