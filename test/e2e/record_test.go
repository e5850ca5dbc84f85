//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/probe"
)

var record = flag.String("record", "", "write what TestRecord's programs make the kernel say to this file, for testdata/")

// TestRecord makes a recording of a short session of our own server and client,
// and holds it against what they counted when it is played.
func TestRecord(t *testing.T) {
	path := *record
	if path == "" {
		path = t.TempDir() + "/session.rec"
	}
	port := freePort(t)
	p, err := probe.Open(probe.Config{
		Include:      []probe.Target{{Ports: []probe.PortRange{{First: uint16(port), Last: uint16(port)}}}},
		CaptureBytes: 1024, RingBytes: 1 << 20, MaxConnections: 10000, Latency: true,
	})
	require.NoError(t, err)
	f, err := os.Create(path)
	require.NoError(t, err)
	rec := event.NewRecorder(p.Source(), f)

	_, counts := goServer(t, fmt.Sprintf("127.0.0.1:%d", port))
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	goClient(t, "-url", url, "-n", "4")
	for _, path := range []string{"/chunked/3", "/bytes/100000", "/eof/10", "/close"} {
		goClient(t, "-url", url, "-path", path)
	}
	served := len(counts())
	time.Sleep(100 * time.Millisecond) // the last close
	require.NoError(t, rec.Drain(func([]byte) {}))
	require.NoError(t, rec.Flush())
	require.NoError(t, f.Close())
	require.NoError(t, p.Close())
	require.Equal(t, 8, served)

	f, err = os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r, err := event.NewRecording(f)
	require.NoError(t, err)
	kinds := make(map[event.Kind]int)
	require.NoError(t, r.Drain(func(b []byte) {
		var e event.Event
		require.NoError(t, event.Decode(b, &e))
		kinds[e.Kind]++
	}))
	require.Equal(t, 6, kinds[event.Process], "a server and five clients")
	require.Equal(t, 10, kinds[event.Open], "both ends of five connections")
}
