package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
)

// boarded is a bench whose connection 1 carries connection 2.
type boarded struct{ *bench }

func newBoarded(role uint8) *boarded {
	b := &boarded{newBench().opened(role)}
	if role == event.RoleActive {
		b.sent("?carry\n")
	} else {
		b.received("?carry\n")
	}
	b.offset, b.lastDir = [2]uint64{}, 2
	b.Handle(&event.Event{Kind: event.Open, PID: 1, Conn: 2, OpenInfo: event.OpenInfo{Role: role, Carrier: 1}})
	return b
}

func (b *boarded) move(dir int, text string) {
	e := b.make(dir, text)
	e.Conn = 2
	b.Handle(e)
}

func TestCarried(t *testing.T) {
	b := newBoarded(event.RolePassive)
	c := b.conns[2]
	require.Equal(t, Seen, b.conns[1].Plaintext)
	b.move(rx, "?a\n")
	require.Equal(t, "1.3", c.TLS.Version, "what the handshake of the carrier said")
	b.move(tx, "!1\n")
	b.move(rx, "?b\n")
	b.close(event.ReceivedFIN, 0)
	require.Equal(t, 2, b.Len(), "the process may still answer")
	b.move(tx, "!2\n")
	b.move(rx, "?c\n")
	b.close(event.ReceivedFIN|event.Gone, 0)
	require.Equal(t, []string{"?carry 0-0", "?a!1 2-3", "?b!2 4-6", "eof 0 0-7", "?c 7-8 connection_closed"}, b.got)
	require.Equal(t, EndedByPeer, c.End)
	require.Zero(t, b.Len())
	require.Empty(t, b.Tracker.carried)
	require.Empty(t, b.Losses())
}

// TestCarriedReset ends what a reset connection carried for the same reason.
func TestCarriedReset(t *testing.T) {
	b := newBoarded(event.RoleActive)
	b.move(tx, "?a\n")
	b.close(event.Gone, 104)
	require.Equal(t, []string{"?carry 0-0", "?a 2-3 connection_reset"}, b.got)
	require.Zero(t, b.Len())
}

// TestCarriedEnds mutes plaintext that is nothing known, and what carries it goes on.
func TestCarriedEnds(t *testing.T) {
	b := newBoarded(event.RoleActive)
	b.move(tx, "?bad\n")
	require.Equal(t, []uint64{2}, b.muted)
	require.Equal(t, 1, b.Len())
	require.Empty(t, b.Tracker.carried)
	b.close(event.Gone, 0)
	require.Zero(t, b.Len())
}

// TestCarriedLate opens plaintext behind the end of what carried it: it ends too.
func TestCarriedLate(t *testing.T) {
	b := newBoarded(event.RoleActive)
	b.close(event.Gone, 0)
	b.Handle(&event.Event{Kind: event.Open, PID: 1, Conn: 3, OpenInfo: event.OpenInfo{Role: event.RoleActive, Carrier: 1}})
	require.Equal(t, 1, b.Len())
	b.tick()
	b.tick()
	require.Zero(t, b.Len())
	require.Empty(t, b.Losses())
}

// TestCarrierUnknown follows plaintext also when what carries it is not followed,
// and says so.
func TestCarrierUnknown(t *testing.T) {
	b := &boarded{newBench()}
	b.Handle(&event.Event{Kind: event.Open, PID: 1, Conn: 2, OpenInfo: event.OpenInfo{Role: event.RoleActive, Carrier: 1}})
	b.move(tx, "?a\n")
	b.move(rx, "!1\n")
	require.Nil(t, b.conns[2].TLS)
	b.close(event.Gone, 0)
	require.Zero(t, b.Len())
	require.Equal(t, []string{"?a!1 1-2"}, b.got)
	require.Equal(t, map[Loss]uint64{{"carrier_unknown", "connection"}: 1}, b.Losses())
}

// TestCarriedAcked gives plaintext the acknowledgements of its carrier.
func TestCarriedAcked(t *testing.T) {
	b := newBoarded(event.RolePassive)
	b.move(rx, "?a\n")
	b.Handle(&event.Event{Kind: event.Acked, PID: 1, Conn: 1, Acked: 9, Meter: event.Meter{Retransmits: 3}})
	require.Equal(t, uint32(3), b.conns[2].meter.sum.Retransmits)
}
