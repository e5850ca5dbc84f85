//go:build linux

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

const (
	preface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	settings = "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d"
)

// play plays the whole conversation and returns what the kernel side told.
func (f frameTalk) play(t *testing.T) (map[told][]event.Event, []probe.Loss) {
	t.Helper()
	port := freePort(t)
	k := watch(t, port)
	ends := f.start(t, port)
	for range f.rounds {
		playRound(t, ends)
		k.drain(t)
	}
	return k.streams(k.connected), k.probes.Losses()
}

// A told is one stream of a connection as one of its two processes saw it.
type told struct {
	client bool // the client's bytes
	sent   bool // by the process observed
}

// A watcher keeps what the kernel side tells of the connections of a port.
type watcher struct {
	probes *probe.Probes
	roles  map[uint64]uint8
	data   []event.Event
}

func watch(t *testing.T, port int) *watcher {
	t.Helper()
	p, err := probe.Open(probe.Config{
		Include:      []probe.Target{{Ports: []probe.PortRange{{First: uint16(port), Last: uint16(port)}}}},
		CaptureBytes: 1024, RingBytes: 32 << 20, MaxConnections: 10000,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return &watcher{probes: p, roles: make(map[uint64]uint8)}
}

// drain takes what waits, once the last calls have returned.
func (k *watcher) drain(t *testing.T) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, k.probes.Source().Drain(func(record []byte) {
		var e event.Event
		require.NoError(t, event.Decode(append([]byte(nil), record...), &e))
		switch e.Kind {
		case event.Open:
			k.roles[e.Conn] = e.Role
		case event.Data:
			k.data = append(k.data, e)
		}
	}))
}

// connected reports whether a connection was opened by its process.
func (k *watcher) connected(_ uint32, conn uint64) bool { return k.roles[conn] == event.RoleActive }

// streams sorts what was told of one connection, seen from both ends.
func (k *watcher) streams(connected func(pid uint32, conn uint64) bool) map[told][]event.Event {
	streams := make(map[told][]event.Event)
	for _, e := range k.data {
		sent := e.Flags&event.Sent != 0
		which := told{client: sent == connected(e.PID, e.Conn), sent: sent}
		streams[which] = append(streams[which], e)
	}
	return streams
}

// coverage says which bytes of a stream were copied.
type coverage struct {
	s      *apps.FrameStream
	copied []bool
	marked int // records that say they begin a frame
	first  int // where the first of them begins
}

// newCoverage holds events against a stream from its offset base on: they are in
// order and without gaps, what they copied is right, and what says that it begins
// a frame does.
func newCoverage(t *testing.T, s *apps.FrameStream, base int, events []event.Event) *coverage {
	t.Helper()
	c := &coverage{s: s, copied: make([]bool, len(s.Bytes)), first: len(s.Bytes)}
	begins := make(map[int]bool)
	for _, f := range s.Frames {
		begins[f.Offset] = true
	}
	at := base
	for i, e := range events {
		require.Equal(t, at, base+int(e.Offset), "event %d of %d", i, len(events))
		require.Equal(t, s.Bytes[at:at+len(e.Payload)], e.Payload, "event %d at %d", i, at)
		for j := range e.Payload {
			c.copied[at+j] = true
		}
		if e.Flags&event.Frame != 0 {
			require.True(t, begins[at], "event %d at %d begins no frame", i, at)
			c.marked++
			c.first = min(c.first, at)
		}
		at += int(e.Size)
	}
	require.Len(t, s.Bytes, at)
	return c
}

// wanted is how many bytes of a frame are to be copied.
func wanted(f apps.Frame) int {
	if f.Type == apps.FrameData && f.Length > 256 {
		return apps.FrameHeader + 16
	}
	return apps.FrameHeader + f.Length
}

// withoutData is wanted where no payload of DATA can be read.
func withoutData(f apps.Frame) int {
	if f.Type == apps.FrameData {
		return apps.FrameHeader
	}
	return wanted(f)
}

// requireCopied asks for all that is to be copied of the frames from an offset on.
func (c *coverage) requireCopied(t *testing.T, from int, wanted func(apps.Frame) int) {
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
func (c *coverage) requireThrift(t *testing.T, from int) {
	t.Helper()
	for i, f := range c.s.Frames {
		for at := f.Offset + wanted(f); at < f.Offset+apps.FrameHeader+f.Length && f.Offset >= from; at++ {
			if c.copied[at] {
				require.Fail(t, "copied", "byte %d of frame %d: %+v", at-f.Offset, i, f)
			}
		}
	}
}
