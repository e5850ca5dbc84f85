//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/test/truth/netns"
)

// A network is a network namespace of a test's own, with a working loopback.
// Nothing of it is left when the test and its programs have ended.
type network struct{ *netns.Namespace }

func newNetwork(t testing.TB) network {
	t.Helper()
	ns, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return network{ns}
}

// do calls f in the namespace, on the test's own goroutine, so that f may end
// the test. The sockets f opens and the processes it starts stay there.
func (n network) do(t testing.TB, f func()) {
	t.Helper()
	there, err := os.Open(n.Path())
	require.NoError(t, err)
	defer there.Close()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	require.NoError(t, err)
	defer home.Close()
	require.NoError(t, unix.Setns(int(there.Fd()), unix.CLONE_NEWNET))
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // this thread must not do anything else
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// commands runs commands, one in each line, in the namespace.
func (n network) commands(t testing.TB, lines string) {
	t.Helper()
	n.do(t, func() {
		for line := range strings.Lines(lines) {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
			require.NoError(t, err, "%s: %s", line, out)
		}
	})
}
