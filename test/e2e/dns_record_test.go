//go:build linux

package e2e

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

var recordDNS = flag.String("record-dns", "", "write what TestRecordDNS' programs make the kernel say to this file, for testdata/")

// TestRecordDNS makes a recording of our own responder and clients, and holds it
// against what the responder counted.
func TestRecordDNS(t *testing.T) {
	path := *recordDNS
	if path == "" {
		path = t.TempDir() + "/session.rec"
	}
	j := newJail(t, "nameserver 127.0.0.1", "options timeout:1 attempts:2")
	p, err := probe.Open(probe.Config{
		Include:      []probe.Target{{Ports: []probe.PortRange{{First: 53, Last: 53}}}},
		CaptureBytes: 1024, RingBytes: 1 << 20, MaxConnections: 10000, // of the whole host
	})
	require.NoError(t, err)
	f, err := os.Create(path)
	require.NoError(t, err)
	rec := event.NewRecorder(p.Source(), f)

	_, counts := j.responder(t, "127.0.0.1:53")
	j.look(t, apps.Command("resolve", "a.test", "alias.test", "nx.test", "slow.test", "big.test"))
	j.look(t, apps.Command("resolve", "-together", "b.test", "fail.test", "dropone.test"))
	asked := 0
	for _, n := range counts() {
		asked += n
	}
	time.Sleep(100 * time.Millisecond) // the last close
	require.NoError(t, rec.Drain(func([]byte) {}))
	require.NoError(t, rec.Flush())
	require.NoError(t, f.Close())
	require.NoError(t, p.Close())

	f, err = os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r, err := event.NewRecording(f)
	require.NoError(t, err)
	sent, received, connections := 0, 0, 0
	require.NoError(t, r.Drain(func(b []byte) {
		var e event.Event
		require.NoError(t, event.Decode(b, &e))
		switch {
		case e.Kind == event.Open:
			connections++
		case e.Kind != event.Datagram || e.Flags&event.Closed != 0:
		case e.Flags&event.Sent != 0:
			sent++
		default:
			received++
		}
	}))
	require.Equal(t, 4, connections, "both ends of the two for a long answer")
	questions := asked - connections/2
	require.Equal(t, 2*questions-2, sent, "questions, and answers to all but two")
	require.Equal(t, sent, received)
}
