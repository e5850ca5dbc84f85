//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

func init() { apps.Register("tlsstate", tlsState) }

// tlsState prints what the hook of TLS does not see.
func tlsState([]string) error {
	p, err := probe.Open(probe.Config{CaptureBytes: 1024, RingBytes: 1 << 20, MaxConnections: 1000, TLS: true})
	if err != nil {
		return err
	}
	defer p.Close()
	for _, s := range p.States() {
		if s.Hook == probe.TLSHook && s.Err != nil {
			return json.NewEncoder(os.Stdout).Encode(s.Err.Error())
		}
	}
	return json.NewEncoder(os.Stdout).Encode("")
}

// TestHiddenProcesses has nobody look at the processes of root, such as this one.
func TestHiddenProcesses(t *testing.T) {
	require.Contains(t, tlsStateOf(t, unix.CAP_BPF, unix.CAP_PERFMON), "this process lacks CAP_SYS_PTRACE")
	require.Empty(t, tlsStateOf(t, unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_PTRACE))
}

// tlsStateOf runs tlsState as nobody with these capabilities.
func tlsStateOf(t *testing.T, capabilities ...uintptr) (state string) {
	t.Helper()
	cmd, remove, err := apps.Nobody(capabilities...)
	require.NoError(t, err)
	t.Cleanup(remove)
	cmd.Env, cmd.Stderr = []string{apps.Env + "=tlsstate"}, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &state))
	return state
}
