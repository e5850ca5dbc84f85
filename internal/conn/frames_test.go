package conn

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// marker is a toy whose connections are copied by frames, and whose parser says
// which bytes begin one: a line.
type marker struct {
	proto.Parser
	told []string
}

func (m *marker) Parse(d *proto.Data) (uint64, error) {
	was := string(d.Bytes)
	n, err := m.Parser.Parse(d)
	m.told = append(m.told, fmt.Sprintf("%s %t %d", was, d.Frame, n))
	return n, err
}

func newFramed() (*bench, *marker) {
	m := &marker{}
	p := *toy
	p.Frames = true
	p.New = func(c proto.Conn, emit func(*proto.Exchange)) proto.Parser {
		m.Parser = newToy(c, emit)
		return m
	}
	b := newBench()
	b.cfg.Protocols = []*proto.Protocol{&p}
	return b, m
}

// TestFrame marks bytes that begin a frame, and none that stand behind others.
func TestFrame(t *testing.T) {
	b, m := newFramed()
	b.opened(event.RolePassive)
	framed := func(text string) {
		e := b.make(rx, text)
		e.Flags |= event.Frame
		b.Handle(e)
	}
	b.received("?a\n") // detected
	framed("?b\n?c")
	framed("\n")
	framed("?d\n")
	require.Equal(t, []string{"?a\n false 3", "?b\n?c true 3", "?c false 0", "?c\n false 3", "?d\n true 3"}, m.told)
	require.Empty(t, b.framed, "the kernel side saw it begin")
}

// TestFramesVerdict asks for frames where the kernel side did not see the beginning.
func TestFramesVerdict(t *testing.T) {
	b, _ := newFramed()
	b.joined()
	b.received("?a\n")
	require.Equal(t, []uint64{1}, b.framed)
	b.received("?b\n")
	require.Equal(t, []uint64{1}, b.framed, "once")

	b, _ = newFramed()
	b.opened(event.RoleActive)
	b.make(tx, "?a\n") // lost
	b.sent("?b\n")
	b.tick()
	b.tick()
	require.Equal(t, []uint64{1}, b.framed)
}

// TestUnwalked counts what was not copied where the kernel side knew no frames.
func TestUnwalked(t *testing.T) {
	b := newBench().opened(event.RolePassive)
	b.received("?a\n")
	b.sent("!1\n=10\n")
	e := b.make(tx, "xx{8}")
	e.Flags |= event.Unwalked
	require.True(t, isLoss(e))
	b.Handle(e)
	require.Equal(t, []string{"?a!1 1-2"}, b.got)
}

// TestFramesLate takes a record for lost only when one behind it in its own
// direction says so.
func TestFramesLate(t *testing.T) {
	b, _ := newFramed()
	b.opened(event.RolePassive)
	b.received("?a\n")
	late := b.make(rx, "?b\n")
	b.sent("!1\n")
	b.tick()
	b.tick()
	require.Equal(t, []string{"?a!1 1-3"}, b.got, "it waits no longer")
	b.Handle(late)
	b.sent("!2\n")
	require.Equal(t, []string{"?a!1 1-3", "?b!2 2-4"}, b.got)
	require.Empty(t, b.Losses())

	b.make(rx, "?c\n") // never comes
	b.received("?d\n")
	b.tick()
	b.tick()
	require.Equal(t, uint64(1), b.Losses()[Loss{"gap", "toy"}])
}
