//go:build linux

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestShortLived runs 200 processes that live for one request each, and asks
// for each client span under the process that sent the request.
func TestShortLived(t *testing.T) {
	const runs, atATime = 200, 8
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	pids := make(map[string]int64)
	var mu sync.Mutex
	var wg sync.WaitGroup
	turn := make(chan struct{}, atATime)
	for i := range runs {
		path := fmt.Sprintf("/s/200/run-%d", i)
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			cmd := curlCommand("-sS", "-o", "/dev/null", url(port, path))
			if err := cmd.Run(); err != nil {
				t.Errorf("curl: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pids[path] = int64(cmd.Process.Pid)
		})
	}
	wg.Wait()

	spans := o.settle(2 * runs)
	got := make(map[string]int64)
	for _, s := range spans {
		if s.Kind == ptrace.SpanKindClient {
			got[s.path()] = s.Resource["process.pid"].(int64)
			requireCurl(t, s)
		}
	}
	require.Len(t, spans, 2*runs)
	require.Equal(t, pids, got)
	require.Empty(t, o.lost(t))
}

func requireCurl(t *testing.T, s *Span) {
	t.Helper()
	path, err := exec.LookPath("curl")
	require.NoError(t, err)
	path, err = filepath.EvalSymlinks(path)
	require.NoError(t, err)
	require.Equal(t, "curl", s.Resource["process.executable.name"])
	require.Equal(t, path, s.Resource["process.executable.path"])
	require.Equal(t, "curl", s.Resource["process.command"])
	require.Equal(t, "curl", s.Resource["service.name"])
}
