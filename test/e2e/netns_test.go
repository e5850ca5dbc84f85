//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A netns is a network namespace of a test's own, by the name ip gives it. All
// that is done in it ends with it.
type netns string

// newNetNS makes a namespace with a working loopback; it ends with the test.
func newNetNS(t testing.TB, name string) netns {
	t.Helper()
	ns := netns(fmt.Sprintf("ebpftest-%d-%s", os.Getpid(), name))
	commands(t, "ip netns add "+string(ns))
	t.Cleanup(func() { commands(t, "ip netns del "+string(ns)) })
	ns.commands(t, "ip link set lo up")
	return ns
}

// do calls f on a thread that is in the namespace. The sockets f opens and the
// processes it starts stay there.
func (ns netns) do(t testing.TB, f func()) {
	t.Helper()
	there, err := os.Open("/run/netns/" + string(ns))
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
func (ns netns) commands(t testing.TB, lines string) {
	t.Helper()
	ns.do(t, func() { commands(t, lines) })
}

func commands(t testing.TB, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		require.NoError(t, err, "%s: %s", line, out)
	}
}
