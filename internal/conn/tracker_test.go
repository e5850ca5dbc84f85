package conn

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
)

func TestExchanges(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	b.sent("!1\n")
	b.received("?b") // a message in two calls
	b.received("\n?c\n")
	b.sent("!2\n!3\n")
	require.Equal(t, []string{"?a!1 1-2", "?b!2 3-5", "?c!3 4-5"}, b.got)
	require.Equal(t, map[string]uint64{"toy": 3}, b.Exchanges())
	require.Empty(t, b.Losses())
}

func TestHolesOfThrift(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	b.sent("!1\n=1000\nxx{993}yyyyy") // 2 + 993 + 5 of a body of 1000
	b.received("?b\n")
	b.sent("!2\n")
	require.Equal(t, []string{"?a!1 1-2", "?b!2 3-4"}, b.got)
	require.Empty(t, b.Losses())
}

func TestOvertaking(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	first, second := b.make(tx, "!1"), b.make(tx, "\n")
	b.Handle(second)
	require.Empty(t, b.got)
	b.Handle(first)
	require.Equal(t, []string{"?a!1 1-3"}, b.got)
	b.tick()
	b.tick()
	require.Empty(t, b.Losses())
}

func TestResponseOvertakesRequest(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	request := b.make(rx, "?a\n")
	b.sent("!1\n")
	require.Empty(t, b.got, "it says that bytes were received before")
	b.Handle(request)
	require.Equal(t, []string{"?a!1 1-2"}, b.got)
}

// TestAhead handles a response before its request, which another thread has sent
// but not told of; both threads introduce the connection.
func TestAhead(t *testing.T) {
	b := newBench().opened(event.RoleActive)
	request, response := b.make(tx, "?a\n"), b.make(rx, "!1\n")
	response.Other, response.Flags = 0, response.Flags|event.Ahead
	b.Handle(response)
	b.tick()
	require.Empty(t, b.got)
	b.opened(event.RoleActive)
	b.Handle(request)
	require.Equal(t, []string{"?a!1 1-2"}, b.got)
	b.tick()
	require.Empty(t, b.Losses())
}

func TestLostBytes(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	_ = b.make(tx, "!1\n") // never comes
	b.received("?b\n")
	require.Equal(t, uint64(0), b.Losses()[Loss{"gap", "toy"}], "it may still come")
	b.tick()
	b.tick()
	b.sent("!2\n")
	require.Equal(t, uint64(1), b.Losses()[Loss{"gap", "toy"}])
	require.Equal(t, uint64(1), b.Losses()[Loss{"framing_lost", "toy"}])
	require.Equal(t, []string{"?a!2 1-4"}, b.got, "the toy parser pairs wrongly; the bytes are what counts here")
}

func TestOverlap(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	e := b.make(tx, "!1\n")
	b.Handle(e)
	b.Handle(e) // told twice
	e.Offset++  // another thread's call overtook this one
	b.Handle(e)
	require.Equal(t, []string{"?a!1 1-2"}, b.got)
	require.Equal(t, uint64(1), b.Losses()[Loss{"overlap", "toy"}])
}

func TestUnrecognised(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("\x16\x03\x01")
	require.Equal(t, []uint64{1}, b.muted)
	require.Zero(t, b.Len())
	b.sent("!1\n") // the kernel had not heard
	require.Empty(t, b.got)
}

func TestStrays(t *testing.T) {
	b := newBench()
	for range 2 * remute {
		b.received("x") // of a connection that was not told of
	}
	require.Equal(t, []uint64{1, 1}, b.muted)
}

func TestJoinedInMidstream(t *testing.T) {
	b := newBench().joined()
	b.received("rest of a body\n")
	b.sent("!0\n") // answers a request that was not seen; and shows who is the server
	b.received("?a\n")
	b.sent("!1\n")
	require.Equal(t, []string{"?a!1 3-4"}, b.got)

	b = newBench().joined()
	for range maxMisses {
		b.received("binary")
		b.sent("binary")
	}
	require.Equal(t, []uint64{1}, b.muted)
}

// TestBecome has the connection change hands in the middle of a call, and of what
// is kept of several.
func TestBecome(t *testing.T) {
	for _, calls := range [][]string{{"!become\n!1\n"}, {"!bec", "ome\n!1\n"}, {"!become\n!", "1\n"}} {
		b := newBench().opened(event.RolePassive)
		b.received("?a\n")
		b.sent("!0\n")
		for _, call := range calls {
			b.sent(call)
		}
		b.received("?b\n")
		b.sent("!2\n")
		require.Len(t, b.got, 2)
		require.Contains(t, b.got[1], "next ?b!2")
		require.Equal(t, map[string]uint64{"toy": 1, "next": 1}, b.Exchanges())
	}
}

func TestStop(t *testing.T) {
	for text, losses := range map[string]int{"?stop\n": 0, "?bad\n": 1} {
		b := newBench().opened(event.RolePassive)
		b.received(text)
		require.Equal(t, []uint64{1}, b.muted)
		require.Len(t, b.Losses(), losses)
	}
}

func TestClose(t *testing.T) {
	for errno, reason := range map[syscall.Errno]string{
		0: "connection_closed", syscall.ECONNRESET: "connection_reset", syscall.EPIPE: "connection_reset",
		syscall.ETIMEDOUT: "connection_timeout",
	} {
		b := newBench().opened(event.RoleActive)
		b.sent("?a\n")
		b.close(event.Gone, uint32(errno))
		require.Equal(t, []string{"?a 1-2 " + reason}, b.got)
		require.Zero(t, b.Len())
	}
}

func TestEOF(t *testing.T) {
	b := newBench().opened(event.RoleActive)
	b.sent("?a\n")
	late := b.make(rx, "!1\n")
	b.close(event.ReceivedFIN, 0) // the FIN is seen before the process has read what came before it
	require.Empty(t, b.got)
	b.Handle(late)
	require.Equal(t, []string{"?a!1 1-2", "eof 1 0-3"}, b.got)
	b.close(event.ReceivedFIN|event.SentFIN|event.Gone, 0)
	require.Equal(t, []string{"?a!1 1-2", "eof 1 0-3", "eof 0 0-4"}, b.got)
}

// A response that was lost is not one that was never sent.
func TestLostBeforeTheEnd(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	b.make(tx, "!1\n") // its record does not come
	b.close(event.Gone, 0)
	require.Equal(t, uint64(1), b.Losses()[Loss{"gap", "toy"}])
	require.Zero(t, b.Len())
}

func TestEviction(t *testing.T) {
	b := newBench()
	for i := range 33 {
		b.Handle(&event.Event{Kind: event.Open, PID: 1, Conn: uint64(i + 1), OpenInfo: event.OpenInfo{Role: event.RolePassive}})
		if i == 0 {
			b.received("?a\n")
		}
	}
	require.LessOrEqual(t, b.Len(), 32)
	require.NotEmpty(t, b.muted)
	require.Empty(t, b.got, "no request is said to have failed")
	require.NotZero(t, b.Losses()[Loss{"connection_table_full", "connection"}])
}

// TestArrival holds that a server's exchange begins when its own first byte came,
// and that nothing is said of bytes that were read behind others.
func TestArrival(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.now = 100
	e := b.make(rx, "?a\n?b\n?")
	e.Arrived = 60
	b.Handle(e)
	e = b.make(rx, "c\n")
	e.Arrived = 95
	b.Handle(e)
	b.sent("!1\n!2\n!3\n")
	require.Equal(t, []string{"?a!1 60-103", "?b!2 101-103", "?c!3 101-103"}, b.got)
}

func TestProcess(t *testing.T) {
	b := newBench()
	b.Handle(&event.Event{Kind: event.Exit, PID: 1})
	require.Equal(t, []uint32{1}, b.exited)
	b.opened(event.RolePassive) // its description was lost
	b.received("?a\n")
	b.sent("!1\n")
	require.Len(t, b.got, 1)
	require.Equal(t, uint64(1), b.Losses()[Loss{"process_unknown", "process"}])
}

func FuzzTracker(f *testing.F) {
	f.Add([]byte{0, 3, '?', 'a', '\n', 1, 3, '!', '1', '\n'})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newBench().opened(event.RoleUnknown)
		for len(script) >= 2 {
			op, n := script[0], int(script[1]%32)
			script = script[2:]
			n = min(n, len(script))
			e := b.make(int(op&1), strings.ReplaceAll(string(script[:n]), "{", "{9}"))
			script = script[n:]
			switch {
			case op&2 != 0: // lost
			case op&4 != 0:
				e.Offset += uint64(op >> 4)
				e.Other += uint64(op >> 5)
				b.Handle(e)
			case op&8 != 0:
				b.tick()
				b.close(uint16(op>>4)&7, 0)
			default:
				b.Handle(e)
			}
		}
		b.tick()
		b.tick()
		if len(b.holding) != 0 {
			t.Error("events are held for ever")
		}
	})
}
