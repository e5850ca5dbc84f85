//go:build linux

package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// framesOf plays a conversation of frames and returns what the kernel side told
// of it, by who sends and who is observed.
type framesOf struct {
	seed         uint64
	rounds, each int
	write, read  string
	joined       bool // the connection is older than the probes
}

// A told is one stream as one process saw it.
type told struct {
	client bool // the client's bytes
	sent   bool // by the process observed
}

// TestFrames plays random frames in calls cut anywhere, and asks for every
// header and every payload that is to be copied, at its place.
func TestFrames(t *testing.T) {
	for _, f := range []framesOf{
		{seed: 1, rounds: 1, each: 400, write: "random", read: "random"},
		{seed: 2, rounds: 1, each: 400, write: "random", read: "random"},
		{seed: 3, rounds: 30, each: 20, write: "random", read: "random"},
		{seed: 4, rounds: 1, each: 400, write: "framed", read: "random"},
		{seed: 5, rounds: 1, each: 400, write: "random", read: "framed"},
	} {
		t.Run(fmt.Sprintf("%s/%s/%d", f.write, f.read, f.seed), func(t *testing.T) {
			streams, losses := f.play(t)
			require.Empty(t, losses)
			require.Len(t, streams, 4)
			for which, events := range streams {
				s := apps.Frames(f.seed, which.client, f.rounds, f.each)
				c := newCoverage(t, s, events)
				c.requireAll(t, 0)
				c.requireThrift(t)
				require.Greater(t, c.marked, 10, "records that say they begin a frame, of %d", len(events))
			}
		})
	}
}

func (f framesOf) play(t *testing.T) (map[told][]event.Event, []probe.Loss) {
	t.Helper()
	port := freePort(t)
	ends := func() [2]*program {
		args := []string{local(port), strconv.FormatUint(f.seed, 10), strconv.Itoa(f.rounds), strconv.Itoa(f.each), f.write, f.read}
		server := start(t, apps.Command("frames", append([]string{"listen"}, args...)...))
		server.line(t)
		client := start(t, apps.Command("frames", append([]string{"dial"}, args...)...))
		require.Equal(t, "connected", client.line(t))
		return [2]*program{server, client}
	}
	var both [2]*program
	if f.joined {
		both = ends()
		round(t, both)
	}
	p, err := probe.Open(probe.Config{
		Include:      []probe.Target{{Ports: []probe.PortRange{{First: uint16(port), Last: uint16(port)}}}},
		CaptureBytes: 1024, RingBytes: 32 << 20, MaxConnections: 10000,
	})
	require.NoError(t, err)
	defer p.Close()
	k := &kept{streams: map[told][]event.Event{}, roles: map[uint64]uint8{}}
	left := f.rounds
	if f.joined {
		left--
	} else {
		both = ends()
	}
	for range left {
		round(t, both)
		require.NoError(t, p.Source().Drain(func(record []byte) { k.take(t, p, record, f.joined) }))
	}
	for _, end := range both {
		require.NoError(t, end.in.Close())
	}
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, p.Source().Drain(func(record []byte) { k.take(t, p, record, f.joined) }))
	return k.streams, p.Losses()
}

func round(t *testing.T, ends [2]*program) {
	t.Helper()
	for _, end := range ends {
		_, err := fmt.Fprintln(end.in)
		require.NoError(t, err)
	}
	for _, end := range ends {
		require.Equal(t, "played", end.line(t))
	}
}

// kept is what the kernel side told of bytes.
type kept struct {
	streams map[told][]event.Event
	roles   map[uint64]uint8
}

func (k *kept) take(t *testing.T, p *probe.Probes, record []byte, joined bool) {
	t.Helper()
	var e event.Event
	require.NoError(t, event.Decode(append([]byte(nil), record...), &e))
	switch e.Kind {
	case event.Open:
		k.roles[e.Conn] = e.Role
		if joined {
			p.Verdict(e.Conn, event.Frames)
		}
	case event.Data:
		sent := e.Flags&event.Sent != 0
		which := told{client: sent == (k.roles[e.Conn] == event.RoleActive), sent: sent}
		k.streams[which] = append(k.streams[which], e)
	}
}

// coverage says which bytes of a stream were copied.
type coverage struct {
	s      *apps.FrameStream
	copied []bool
	marked int // records that say they begin a frame
}

// newCoverage holds events against the stream: they are in order and without
// gaps, what they copied is right, and what says that it begins a frame does.
func newCoverage(t *testing.T, s *apps.FrameStream, events []event.Event) *coverage {
	t.Helper()
	c := &coverage{s: s, copied: make([]bool, len(s.Bytes))}
	begins := make(map[uint64]bool)
	for _, f := range s.Frames {
		begins[uint64(f.Offset)] = true
	}
	at := events[0].Offset
	for i, e := range events {
		require.Equal(t, at, e.Offset, "event %d of %d", i, len(events))
		at += uint64(e.Size)
		require.Equal(t, s.Bytes[e.Offset:e.Offset+uint64(len(e.Payload))], e.Payload, "event %d at %d", i, e.Offset)
		for j := range e.Payload {
			c.copied[e.Offset+uint64(j)] = true
		}
		if e.Flags&event.Frame != 0 {
			require.True(t, begins[e.Offset], "event %d at %d begins no frame", i, e.Offset)
			c.marked++
		}
	}
	require.Len(t, s.Bytes, int(at))
	return c
}

// wanted is how many bytes of a frame are to be copied.
func wanted(f apps.Frame) int {
	if f.Type == apps.FrameData && f.Length > 256 {
		return apps.FrameHeader + 16
	}
	return apps.FrameHeader + f.Length
}

// requireAll asks for all frames from an offset on.
func (c *coverage) requireAll(t *testing.T, from int) {
	t.Helper()
	for i, f := range c.s.Frames {
		for at := f.Offset; at < f.Offset+wanted(f) && f.Offset >= from; at++ {
			if !c.copied[at] {
				require.Fail(t, "not copied", "byte %d of frame %d: %+v", at-f.Offset, i, f)
			}
		}
	}
}

// requireThrift asks that nothing else was copied.
func (c *coverage) requireThrift(t *testing.T) {
	t.Helper()
	for i, f := range c.s.Frames {
		for at := f.Offset + wanted(f); at < f.Offset+apps.FrameHeader+f.Length; at++ {
			if c.copied[at] {
				require.Fail(t, "copied", "byte %d of frame %d: %+v", at-f.Offset, i, f)
			}
		}
	}
}
