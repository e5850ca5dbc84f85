//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestUring observes a server that receives with io_uring, whose buffer no
// tracepoint shows, while another system call with a request in its buffer is
// under way. What cannot be read is counted, until the connection is given up,
// and nothing is made up.
func TestUring(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	start(t, apps.Command("uring", local(port))).line(t)
	const n = 50
	results := goClient(t, "-url", url(port, ""), "-n", "50", "-path", "/uring")
	spans := o.settle(n)
	require.Equal(t, map[string]int{"GET /uring 200": n}, tally(spans, ptrace.SpanKindClient))
	require.Len(t, results, n)
	require.Len(t, spans, n, "spans of requests that were not read")
	require.Positive(t, o.lost(t)["kernel unreadable request"])
}
