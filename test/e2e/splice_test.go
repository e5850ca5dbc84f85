//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestSplice observes a client whose bodies no buffer holds: it splices them
// from and to a pipe. Requests and statuses are all there, sizes exact.
func TestSplice(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	_, counts := goServer(t, local(port))
	out, err := apps.Command("splice", local(port)).Output()
	require.NoError(t, err, "%s", out)
	spans := o.settle(10)
	want := map[string]int{"POST /s/201/spliced 201": 2, "GET /bytes/30000 200": 2, "GET /s/404/last 404": 1}
	require.Equal(t, want, tally(spans, ptrace.SpanKindServer))
	require.Equal(t, want, tally(spans, ptrace.SpanKindClient))
	require.Equal(t, want, counts())
	for _, s := range spans {
		switch s.path() {
		case "/s/201/spliced":
			require.Equal(t, int64(30_000), s.Attrs["http.request.body.size"], "%v", s)
		case "/bytes/30000":
			require.Equal(t, int64(30_000), s.Attrs["http.response.body.size"], "%v", s)
			if s.Kind == ptrace.SpanKindClient { // nothing tells when it spliced the body from the socket
				require.Equal(t, []any{"gap"}, s.Attrs["ebpf.capture.incomplete"])
			}
		}
	}
	require.Equal(t, int64(2), o.lost(t)["kernel unreadable body"], "the bodies spliced to the socket")
}
