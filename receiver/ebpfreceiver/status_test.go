package ebpfreceiver

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

func TestStatusFollowsHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeKernel{}
		k.setStates(recvHook, sendFails)
		host := &fakeHost{}
		r := start(t, k, createDefaultConfig(), host, consumertest.NewNop())
		synctest.Wait()
		host.requireStatus(t, componentstatus.StatusRecoverableError)
		require.EqualError(t, host.lastError(), "hook send is not attached: permission denied")

		time.Sleep(3 * watchInterval) // nothing changes: nothing is said
		host.requireStatus(t, componentstatus.StatusRecoverableError)

		k.setStates(recvHook, sendHook)
		time.Sleep(2 * watchInterval)
		host.requireStatus(t, componentstatus.StatusRecoverableError, componentstatus.StatusOK)
		require.NoError(t, r.Shutdown(t.Context()))
		host.requireStatus(t, componentstatus.StatusRecoverableError, componentstatus.StatusOK)
	})
}

func TestStatusOfHookThatSeesAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeKernel{}
		k.setStates(recvHook, probe.State{Hook: "tls", Form: "uprobe_multi", Err: errors.New("this process lacks CAP_SYS_PTRACE")})
		host := &fakeHost{}
		r := start(t, k, createDefaultConfig(), host, consumertest.NewNop())
		synctest.Wait()
		host.requireStatus(t, componentstatus.StatusRecoverableError)
		require.EqualError(t, host.lastError(), "hook tls does not see everything: this process lacks CAP_SYS_PTRACE")
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

func TestStatusOfHealthyStartIsLeftToCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeKernel{}
		k.setStates(recvHook, sendHook)
		host := &fakeHost{}
		r := start(t, k, createDefaultConfig(), host, consumertest.NewNop())
		time.Sleep(2 * watchInterval)
		host.requireStatus(t)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

func TestStatusWhenRecordsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeKernel{runErr: errors.New("reading the ring: bad descriptor")}
		host := &fakeHost{}
		r := start(t, k, createDefaultConfig(), host, consumertest.NewNop())
		synctest.Wait()
		host.requireStatus(t, componentstatus.StatusPermanentError)
		require.ErrorContains(t, host.lastError(), "bad descriptor")
		require.NoError(t, r.Shutdown(t.Context()))
	})
}
