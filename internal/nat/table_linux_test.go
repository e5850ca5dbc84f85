package nat

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestOpenWithoutCapability gives up the capability, on a thread that ends with
// the test.
func TestOpenWithoutCapability(t *testing.T) {
	opened := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := dropNetAdmin(); err != nil {
			opened <- err
			return
		}
		_, err := Open()
		opened <- err
	}()
	require.ErrorContains(t, <-opened, "asking the connection tracking needs CAP_NET_ADMIN")
}

func dropNetAdmin() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	return unix.Capset(&head, &data[0])
}

func TestExplain(t *testing.T) {
	for err, want := range map[error]string{
		unix.EPERM:           "needs CAP_NET_ADMIN",
		unix.EPROTONOSUPPORT: "nf_conntrack_netlink is missing",
		unix.EINVAL:          "nf_conntrack_netlink is missing",
		unix.EMFILE:          "asking the connection tracking: too many open files",
	} {
		require.ErrorContains(t, explain(err), want)
		require.ErrorIs(t, explain(err), err)
	}
}

// TestMayKnow holds that another namespace's loopback is not taken for this one's.
func TestMayKnow(t *testing.T) {
	table := &Table{netns: 1}
	for _, c := range []struct {
		netns         uint32
		local, remote string
		want          bool
	}{
		{1, "127.0.0.1:1", "127.0.0.1:2", true},
		{2, "127.0.0.1:1", "127.0.0.1:2", false},
		{2, "10.0.0.1:1", "127.0.0.1:2", false},
		{2, "10.0.0.1:1", "10.0.0.2:2", true},
		{2, "[::1]:1", "[::1]:2", false},
		{1, "10.0.0.1:1", "[::1]:2", false},
	} {
		require.Equal(t, c.want, table.mayKnow(c.netns, tuple{at(c.local), at(c.remote)}), "%v", c)
	}
	require.False(t, table.mayKnow(1, tuple{}))
}

// BenchmarkUnknown asks for a connection that is not in the table. The one of
// test/e2e asks for one that is.
func BenchmarkUnknown(b *testing.B) {
	table, err := Open()
	if err != nil {
		b.Skip(err)
	}
	defer table.Close()
	for b.Loop() {
		if _, err := table.Translated(0, at("192.0.2.1:1"), at("192.0.2.2:2")); err != nil {
			b.Fatal(err)
		}
	}
}
