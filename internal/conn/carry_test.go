package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

func TestCarry(t *testing.T) {
	b := newBench().opened(event.RoleActive)
	b.sent("?a\n")
	b.received("!1\n")
	b.sent("?carry\n?b\n")
	require.Equal(t, []uint64{1}, b.carried)
	require.Empty(t, b.muted)
	require.Equal(t, 1, b.Len())
	require.Equal(t, Carriers{Opaque: 1}, b.Carriers())
	c := b.conns[1]
	require.Equal(t, Unseen, c.Plaintext)
	require.Equal(t, "1.3", c.TLS.Version)
	require.Equal(t, proto.Positive, c.Connected)

	b.received("!2\n") // the kernel had not heard
	b.sent("{500}?c")
	require.Equal(t, []string{"?a!1 1-2", "?carry 0-0"}, b.got)
	b.make(tx, "bytes nobody tells of")
	b.close(event.ReceivedFIN|event.Gone, 0)
	require.Zero(t, b.Len())
	require.Equal(t, EndedByPeer, c.End)
	require.Equal(t, Carriers{Unseen: 1}, b.Carriers())
	require.Empty(t, b.Losses())
	require.Equal(t, 1, b.gone)
}

// TestCarryTail has the handshake end in a record that also has the last bytes of a call.
func TestCarryTail(t *testing.T) {
	b := newBench().opened(event.RoleActive)
	b.sent("?carry\n{100}?a\n")
	require.Equal(t, Unseen, b.conns[1].Plaintext)
	require.Equal(t, []string{"?carry 0-0"}, b.got)
	require.Empty(t, b.Losses())
}

func TestReveal(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	require.Nil(t, b.reveal(2))
	b.received("?carry\n")
	for range 2 {
		require.Equal(t, Seen, b.reveal(1).Plaintext)
		require.Equal(t, Carriers{}, b.Carriers())
	}
	b.close(event.Gone, 0)
	require.Equal(t, Carriers{Seen: 1}, b.Carriers())
}

// TestRevealBefore sees plaintext while the handshake is open, as a server of TLS 1.3 may send it.
func TestRevealBefore(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	require.NotNil(t, b.reveal(1))
	b.received("?carry\n")
	require.Equal(t, Carriers{}, b.Carriers())
	b.close(event.Gone, 0)
	require.Equal(t, Carriers{Seen: 1}, b.Carriers())
}

// TestCarryJoined carries what was joined behind its handshake.
func TestCarryJoined(t *testing.T) {
	b := newBench().joined()
	b.received("?carry-blind\n")
	require.Equal(t, []uint64{1}, b.carried)
	require.Equal(t, &proto.TLS{}, b.conns[1].TLS)
	require.Equal(t, proto.Unknown, b.conns[1].Connected)
}

// TestCarryAgain gives the verdict again when it seems not to have arrived.
func TestCarryAgain(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?carry\n")
	for range remute {
		b.received("more")
	}
	require.Equal(t, []uint64{1, 1}, b.carried)
	require.Empty(t, b.muted)
}
