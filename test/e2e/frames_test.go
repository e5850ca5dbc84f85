//go:build linux

package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// A frameTalk is a conversation of frames that mean nothing, and how its ends
// write and read.
type frameTalk struct {
	seed         uint64
	rounds, each int
	write, read  string
}

func (f frameTalk) stream(which told) *apps.FrameStream {
	return apps.Frames(f.seed, which.client, f.rounds, f.each)
}

// start starts both ends.
func (f frameTalk) start(t *testing.T, port int) [2]*program {
	t.Helper()
	args := []string{local(port), strconv.FormatUint(f.seed, 10), strconv.Itoa(f.rounds), strconv.Itoa(f.each), f.write, f.read}
	server := start(t, apps.Command("frames", append([]string{"listen"}, args...)...))
	server.line(t)
	client := start(t, apps.Command("frames", append([]string{"dial"}, args...)...))
	require.Equal(t, "connected", client.line(t))
	return [2]*program{server, client}
}

// playRound lets both ends send and receive a round.
func playRound(t *testing.T, ends [2]*program) {
	t.Helper()
	for _, end := range ends {
		_, err := fmt.Fprintln(end.in)
		require.NoError(t, err)
	}
	for _, end := range ends {
		require.Equal(t, "played", end.line(t))
	}
}

// TestFrames plays random frames in calls cut anywhere, and asks for every
// header and every payload that is to be copied, at its place, and for no other.
func TestFrames(t *testing.T) {
	for _, f := range []frameTalk{
		{seed: 1, rounds: 1, each: 400, write: "random", read: "random"},
		{seed: 2, rounds: 1, each: 400, write: "random", read: "random"},
		{seed: 3, rounds: 30, each: 20, write: "random", read: "random"},
		{seed: 4, rounds: 1, each: 400, write: "framed", read: "random"},
		{seed: 5, rounds: 1, each: 400, write: "random", read: "framed"},
	} {
		t.Run(fmt.Sprintf("%s/%s/%d", f.write, f.read, f.seed), func(t *testing.T) {
			streams, losses := f.play(t)
			require.Empty(t, losses)
			for which, events := range streams {
				c := newCoverage(t, f.stream(which), 0, events)
				c.requireCopied(t, 0, wanted)
				c.requireThrift(t, 0)
				require.Greater(t, c.marked, 10, "records that say they begin a frame, of %d", len(events))
			}
		})
	}
}

// TestFramesOfFiles sends the payloads of DATA with sendfile: nothing is read of
// them, and nothing else is missing.
func TestFramesOfFiles(t *testing.T) {
	f := frameTalk{seed: 6, rounds: 1, each: 400, write: "file", read: "random"}
	streams, losses := f.play(t)
	require.Empty(t, losses)
	for which, events := range streams {
		c := newCoverage(t, f.stream(which), 0, events)
		c.requireThrift(t, 0)
		if which.sent {
			c.requireCopied(t, 0, withoutData)
		} else {
			c.requireCopied(t, 0, wanted)
		}
		require.Greater(t, c.marked, 10)
	}
}

// TestFramesJoined observes a connection from its middle on. Once the kernel
// side is told what it speaks, it finds its place by the calls that begin with a
// frame, and from there on nothing is missing.
func TestFramesJoined(t *testing.T) {
	f := frameTalk{seed: 7, rounds: 12, each: 20, write: "framed", read: "framed"}
	port := freePort(t)
	ends := f.start(t, port)
	playRound(t, ends)
	k := watch(t, port)
	for range f.rounds - 1 {
		playRound(t, ends)
		k.drain(t)
		for conn := range k.roles {
			k.probes.Verdict(conn, event.Frames)
		}
	}
	require.Empty(t, k.probes.Losses())
	client := ends[1].cmd.Process.Pid
	for which, events := range k.streams(func(pid uint32, _ uint64) bool { return int(pid) == client }) {
		s := f.stream(which)
		c := newCoverage(t, s, s.Rounds[0], events)
		require.Greater(t, c.marked, 10)
		require.Less(t, c.first, s.Rounds[4], "where the first record says that it begins a frame")
		c.requireCopied(t, c.first, wanted)
		c.requireThrift(t, c.first)
	}
}

// TestFramesTooMany sends more frames in one call than are walked: the loss is
// counted, and the next call is walked again.
func TestFramesTooMany(t *testing.T) {
	const ack = "\x00\x00\x00\x04\x01\x00\x00\x00\x00"
	port := freePort(t)
	k := watch(t, port)
	server := listen(t, local(port))
	client := dial(t, local(port))
	flood := strings.Repeat(ack, 7000)
	for _, text := range []string{preface + settings, flood, ack + ack, ack} {
		client.write(t, text)
		server.expect(t, text)
	}
	k.drain(t)
	losses := k.probes.Losses()
	require.Len(t, losses, 1)
	require.Equal(t, "frames_lost", losses[0].Reason)
	streams := k.streams(k.connected)
	sent := streams[told{client: true, sent: true}]
	last := sent[len(sent)-1]
	require.Equal(t, ack, string(last.Payload))
	require.NotZero(t, last.Flags&event.Frame)
	received := streams[told{client: true}]
	require.NotZero(t, received[len(received)-1].Flags&event.Frame)
}

// TestFramesAfterUpgrade begins HTTP/2 behind an HTTP/1.1 request, the server's
// frames in the call that says so.
func TestFramesAfterUpgrade(t *testing.T) {
	const (
		request  = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"
		response = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
		ping     = "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"
	)
	port := freePort(t)
	k := watch(t, port)
	server := listen(t, local(port))
	client := dial(t, local(port))
	talk := [][2]string{{request, response + settings}, {preface + settings, settings}, {ping, ping}, {ping + ping, ping}}
	var text [2]string
	for _, t2 := range talk {
		client.write(t, t2[0])
		server.expect(t, t2[0])
		server.write(t, t2[1])
		client.expect(t, t2[1])
		text[0], text[1] = text[0]+t2[0], text[1]+t2[1]
	}
	k.drain(t)
	require.Empty(t, k.probes.Losses())
	for which, events := range k.streams(k.connected) {
		want, at := text[1], uint64(0)
		if which.client {
			want = text[0]
		}
		for _, e := range events {
			require.Equal(t, at, e.Offset)
			require.Equal(t, want[at:at+uint64(e.Size)], string(e.Payload))
			at += uint64(e.Size)
		}
		require.Len(t, want, int(at))
		require.NotZero(t, events[len(events)-1].Flags&event.Frame)
	}
}
