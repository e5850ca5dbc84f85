package nat

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

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

// oracle returns a table whose kernel says what the test tells it to.
func oracle(t *testing.T) (_ *Table, tell func([]byte)) {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	s := &socket{fd: ends[0]}
	require.NoError(t, s.bound())
	table := &Table{socket: s}
	t.Cleanup(func() {
		require.NoError(t, table.Close())
		require.NoError(t, unix.Close(ends[1]))
	})
	return table, func(b []byte) {
		_, err := unix.Write(ends[1], b)
		require.NoError(t, err)
	}
}

// message is a message of the kernel.
func message(kind uint16, sequence uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(headerSize+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, 2) // NLM_F_MULTI, as it does
	b = binary.NativeEndian.AppendUint32(b, sequence)
	return append(binary.NativeEndian.AppendUint32(b, 0), body...)
}

func refusal(errno unix.Errno) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, -uint32(errno)), make([]byte, headerSize)...)
}

// TestSilence has a kernel that does not answer: the wait is bounded, and for a
// while nothing more is asked. Then its late answer comes before the right one.
func TestSilence(t *testing.T) {
	table, tell := oracle(t)
	local, remote := at("10.0.0.1:4711"), at("10.9.9.9:80")
	_, err := table.Translated(1, local, remote)
	require.ErrorIs(t, err, unix.EAGAIN)
	_, err = table.Translated(1, local, remote)
	require.ErrorIs(t, err, errTired)
	require.EqualValues(t, 1, table.socket.sequence, "questions")

	table.tired = time.Time{}
	tell(message(messageError, 1, refusal(unix.ENOENT)))
	tell(message(messageNew, 2, told(translated)))
	got, err := table.Translated(1, local, remote)
	require.NoError(t, err)
	require.Equal(t, at("10.0.0.2:8080"), got.Remote)
}

func TestAnswers(t *testing.T) {
	local, remote := at("10.0.0.1:4711"), at("10.9.9.9:80")
	for name, c := range map[string]struct {
		answer []byte
		want   error
	}{
		"nobody knows it": {message(messageError, 1, refusal(unix.ENOENT)), nil},
		"refused":         {message(messageError, 1, refusal(unix.ENOMEM)), unix.ENOMEM},
		"malformed":       {message(messageNew, 1, nil), errMalformed},
		"another's":       {message(messageNew, 1, told(entry{translated.reply, translated.reply})), errAnother},
	} {
		t.Run(name, func(t *testing.T) {
			table, tell := oracle(t)
			tell(c.answer)
			got, err := table.Translated(1, local, remote)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, Translation{}, got)
		})
	}
}

func TestClosed(t *testing.T) {
	_, err := new(Table).Translated(1, at("10.0.0.1:1"), at("10.0.0.2:2"))
	require.ErrorIs(t, err, errClosed)
	require.ErrorIs(t, new(Table).Close(), errClosed)
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
