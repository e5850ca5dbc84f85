package ebpfreceiver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	logtest "go.uber.org/zap/zaptest/observer"

	"github.com/edf076de/ebpfreceiver/internal/pipeline"
	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver/internal/metadata"
)

var nopSettings = receivertest.NewNopSettings(metadata.Type)

// start starts a receiver over k that delivers traces to next.
func start(t *testing.T, k *fakeKernel, cfg *Config, host component.Host, next consumer.Traces) component.Component {
	t.Helper()
	r, err := newFactory(k.kernel()).CreateTraces(t.Context(), nopSettings, cfg, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), host))
	return r
}

func oneSpan() ptrace.Traces {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("GET")
	return td
}

func TestStartFails(t *testing.T) {
	k := &fakeKernel{openErr: errNoBTF}
	r, err := newFactory(k.kernel()).CreateTraces(t.Context(), nopSettings, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.EqualError(t, r.Start(t.Context(), componenttest.NewNopHost()), "opening the probes: the kernel has no BTF")
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestStartIgnoresFailure(t *testing.T) {
	k := &fakeKernel{openErr: errNoBTF}
	cfg := createDefaultConfig()
	cfg.ErrorMode = Ignore
	host := &fakeHost{}
	r := start(t, k, cfg, host, consumertest.NewNop())
	host.requireStatus(t, componentstatus.StatusPermanentError)
	require.ErrorIs(t, host.lastError(), errNoBTF)
	require.NoError(t, r.Shutdown(t.Context()))
}

// The context of Start ends with the start; the receiver goes on.
func TestStartKeepsNoContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeKernel{}
		sink := new(consumertest.TracesSink)
		r, err := newFactory(k.kernel()).CreateTraces(t.Context(), nopSettings, createDefaultConfig(), sink)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, r.Start(ctx, componenttest.NewNopHost()))
		cancel()
		synctest.Wait()
		k.traces(oneSpan())
		assert.Equal(t, 1, sink.SpanCount())
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

func TestShutdownWithoutStart(t *testing.T) {
	k := &fakeKernel{}
	r, err := newFactory(k.kernel()).CreateTraces(t.Context(), nopSettings, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Empty(t, k.opened)
}

// What the pipeline flushes at its end still reaches the consumer.
func TestShutdownFlushes(t *testing.T) {
	k := &fakeKernel{atEnd: func(c pipeline.Config) { c.Traces(context.Background(), oneSpan()) }}
	sink := new(consumertest.TracesSink)
	r := start(t, k, createDefaultConfig(), componenttest.NewNopHost(), sink)
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, 1, sink.SpanCount())
	assert.Zero(t, k.attached())
}

// A consumer that refuses, or never returns, does not hold up the shutdown.
func TestShutdownIsBounded(t *testing.T) {
	for name, consume := range map[string]func(context.Context) error{
		"refuses":     func(context.Context) error { return errors.New("busy") },
		"waits":       func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"is stubborn": func(context.Context) error { time.Sleep(time.Minute); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &fakeKernel{atEnd: func(c pipeline.Config) { c.Traces(context.Background(), oneSpan()) }}
				next, err := consumer.NewTraces(func(ctx context.Context, _ ptrace.Traces) error { return consume(ctx) })
				require.NoError(t, err)
				r := start(t, k, createDefaultConfig(), componenttest.NewNopHost(), next)
				before := time.Now()
				err = r.Shutdown(t.Context())
				assert.Less(t, time.Since(before), 2*time.Second)
				assert.Equal(t, name == "is stubborn", err != nil, "%v", err)
				assert.Zero(t, k.attached())
				time.Sleep(time.Minute) // until the stubborn one returns
			})
		})
	}
}

// A deadline of the Collector that is earlier than ours holds.
func TestShutdownHonoursDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeKernel{atEnd: func(c pipeline.Config) { c.Traces(context.Background(), oneSpan()) }}
		next, err := consumer.NewTraces(func(ctx context.Context, _ ptrace.Traces) error { <-ctx.Done(); return ctx.Err() })
		require.NoError(t, err)
		r := start(t, k, createDefaultConfig(), componenttest.NewNopHost(), next)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		before := time.Now()
		require.NoError(t, r.Shutdown(ctx))
		assert.Equal(t, 100*time.Millisecond, time.Since(before))
	})
}

func TestRestart(t *testing.T) {
	k := &fakeKernel{}
	factory := newFactory(k.kernel())
	cfg := createDefaultConfig()
	for range 3 {
		r, err := factory.CreateTraces(t.Context(), nopSettings, cfg, consumertest.NewNop())
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		assert.Equal(t, 1, k.attached())
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Zero(t, k.attached())
	}
	assert.Len(t, k.opened, 3)
}

func TestPipelineConfig(t *testing.T) {
	k := &fakeKernel{}
	r := start(t, k, loadFile(t, "ebpf/everything"), componenttest.NewNopHost(), consumertest.NewNop())
	c := k.pipelineConfig()
	assert.Equal(t, "github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver", c.Scope)
	assert.Equal(t, nopSettings.BuildInfo.Version, c.Version)
	assert.NotEmpty(t, c.Host)
	assert.NotEmpty(t, c.Protocols)
	assert.Equal(t, 5*time.Second, c.Interval)
	assert.Equal(t, 100, c.MaxConnections)
	assert.Equal(t, 10, c.MaxSeries)
	assert.NotNil(t, c.Traces)
	assert.Nil(t, c.Metrics)
	assert.Nil(t, c.Health)
	assert.False(t, k.opened[0].Health, "nobody takes metrics")
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestHealth(t *testing.T) {
	k := &fakeKernel{healthErr: errors.New("the map is closed")}
	logs, observed := logtest.New(zap.WarnLevel)
	set := nopSettings
	set.Logger = zap.New(logs)
	r, err := newFactory(k.kernel()).CreateMetrics(t.Context(), set, loadFile(t, "ebpf/everything"), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	assert.True(t, k.opened[0].Health)
	c := k.pipelineConfig()
	assert.NotNil(t, c.ForgetHealth)
	assert.True(t, c.MetricsOff["ebpf.udp.io"])
	for range 3 {
		_, err := c.Health()
		require.ErrorIs(t, err, k.healthErr)
	}
	assert.Equal(t, 1, observed.Len(), "the same error is logged once")
	require.NoError(t, r.Shutdown(t.Context()))
}
