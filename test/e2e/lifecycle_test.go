//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

func init() { apps.Register("receiver", startReceiver) }

// startReceiver starts the receiver as it is, and stops it.
func startReceiver([]string) error {
	f := ebpfreceiver.NewFactory()
	r, err := f.CreateTraces(context.Background(), receivertest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), consumertest.NewNop())
	if err != nil {
		return err
	}
	if err := r.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		fmt.Println(err)
		return nil
	}
	return r.Shutdown(context.Background())
}

// TestRestart starts and stops the receiver five times; each time it is right,
// and nothing of it stays in the kernel.
func TestRestart(t *testing.T) {
	port := freePort(t)
	goServerOn(t, port)
	for i := range 5 {
		o := observe(t, onPort(port))
		loaded := inKernel(t)
		require.NotEmpty(t, loaded.programs)
		require.NotEmpty(t, loaded.maps)
		results := goClient(t, "-url", url(port, ""), "-n", "20", "-prefix", fmt.Sprint("round", i, "-"))
		requireTruth(t, results, expected(results), o.settle(40))
		o.stop()
		loaded.requireGone(t)
		goClient(t, "-url", url(port, ""), "-n", "20")
		require.Len(t, o.seen(anySpan), 40)
	}
}

// objects are what this process holds in the kernel.
type objects struct{ programs, maps []ebpfID }

type ebpfID uint32

// inKernel finds the objects by the descriptors of this process: others may
// load programs meanwhile.
func inKernel(t testing.TB) (o objects) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fdinfo/*")
	require.NoError(t, err)
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			id, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
			switch {
			case id == 0:
			case key == "prog_id":
				o.programs = append(o.programs, ebpfID(id))
			case key == "map_id":
				o.maps = append(o.maps, ebpfID(id))
			}
		}
	}
	return o
}

const bpfMmapable = 1 << 10

// requireGone waits until the kernel knows none of the objects.
func (o objects) requireGone(t testing.TB) {
	t.Helper()
	gone := func() bool {
		for _, id := range o.programs {
			if p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id)); !errors.Is(err, os.ErrNotExist) {
				_ = p.Close()
				return false
			}
		}
		for _, id := range o.maps {
			if m, err := ebpf.NewMapFromID(ebpf.MapID(id)); !errors.Is(err, os.ErrNotExist) {
				mapped := err == nil && m.Flags()&bpfMmapable != 0
				_ = m.Close()
				if !mapped { // else a page, which garbage collection unmaps
					return false
				}
			}
		}
		return true
	}
	require.Eventually(t, gone, 5*time.Second, 50*time.Millisecond, "%v", o)
	require.Empty(t, inKernel(t))
}

// TestTwoReceivers runs two at once, on two ports.
func TestTwoReceivers(t *testing.T) {
	var observers [2]*observer
	var ports [2]int
	var counts [2]func() map[string]int
	for i := range ports {
		ports[i] = freePort(t)
		counts[i] = goServerOn(t, ports[i])
	}
	for i, port := range ports {
		observers[i] = observe(t, onPort(port))
	}
	var results [2][]apps.Result
	for i, port := range ports {
		results[i] = load{port: port, concurrent: 8, prefix: fmt.Sprint("of", i, "-"), n: 500}.withGo(t)
	}
	for i, o := range observers {
		requireTruth(t, results[i], counts[i](), o.settle(1000))
		require.Empty(t, o.lost(t))
	}
}

// TestStopUnderLoad stops the receiver while requests flow. What it delivered
// until then is true.
func TestStopUnderLoad(t *testing.T) {
	port := freePort(t)
	counts := goServerOn(t, port)
	o := observe(t, onPort(port))
	client := start(t, apps.Command("client", "-url", url(port, ""), "-n", "20000", "-c", "32"))
	require.Eventually(t, func() bool { return len(o.seen(anySpan)) > 1000 }, 10*time.Second, 10*time.Millisecond)
	loaded := inKernel(t)
	o.stop() // within two seconds
	loaded.requireGone(t)
	client.line(t) // the results: it has ended
	truth := counts()
	for _, s := range o.seen(anySpan) {
		if s.Status != ptrace.StatusCodeError || s.code() != 0 {
			require.Equal(t, 1, truth[s.key()], "%v", s)
		}
	}
}

// TestUnprivileged starts the receiver as nobody: one error, which says what is missing.
func TestUnprivileged(t *testing.T) {
	const nobody = 65534
	cmd := apps.Command("receiver")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(out), "\n"), "lines: %s", out)
	require.Contains(t, string(out), "CAP_BPF and CAP_PERFMON")
}
