package ebpfreceiver

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
)

func withNAT() *Config {
	cfg := createDefaultConfig()
	cfg.Network.NAT = true
	return cfg
}

func TestNAT(t *testing.T) {
	k := &fakeKernel{}
	r := start(t, k, withNAT(), componenttest.NewNopHost(), consumertest.NewNop())
	assert.Equal(t, 1, k.natOpen)
	local, remote, err := k.pipelineConfig().Translated(1, netip.AddrPort{}, netip.AddrPort{})
	require.NoError(t, err)
	assert.False(t, local.IsValid())
	assert.Equal(t, otherPeer, remote)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Zero(t, k.natOpen)
}

// Nothing is opened that nobody asked for, or whose spans nobody takes.
func TestNATOff(t *testing.T) {
	k := &fakeKernel{natErr: errors.New("not to be opened")}
	host := &fakeHost{}
	r := start(t, k, createDefaultConfig(), host, consumertest.NewNop())
	assert.Nil(t, k.pipelineConfig().Translated)
	require.NoError(t, r.Shutdown(t.Context()))

	m, err := newFactory(k.kernel()).CreateMetrics(t.Context(), nopSettings, withNAT(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, m.Start(t.Context(), host))
	assert.Nil(t, k.pipelineConfig().Translated)
	require.NoError(t, m.Shutdown(t.Context()))
	host.requireStatus(t)
}

// Without the connection tracking the rest goes on, and the status says so, also
// when the hooks are complete again.
func TestNATMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeKernel{natErr: errors.New("it needs CAP_NET_ADMIN")}
		k.setStates(sendFails)
		host := &fakeHost{}
		r := start(t, k, withNAT(), host, consumertest.NewNop())
		synctest.Wait()
		require.ErrorContains(t, host.lastError(), "hook send")
		k.setStates(sendHook)
		time.Sleep(2 * watchInterval)
		host.requireStatus(t, componentstatus.StatusRecoverableError, componentstatus.StatusRecoverableError)
		require.EqualError(t, host.lastError(), "network.nat: no addresses beyond NAT: it needs CAP_NET_ADMIN")
		assert.Nil(t, k.pipelineConfig().Translated)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}
