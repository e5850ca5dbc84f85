//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// seconds is an attribute that is a time; negative when it is absent.
func (s *Span) seconds(key string) float64 {
	if v, ok := s.Attrs[key].(float64); ok {
		return v
	}
	return -1
}

func TestLatencyOfSlowApplication(t *testing.T) {
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	goServer(t, addr)
	o := observe(t, onPort(port))
	goClient(t, "-n", "3", "-url", "http://"+addr, "-path", "/sleep/60")
	time.Sleep(time.Second)
	for _, s := range o.seen(anySpan) {
		fmt.Println(s)
	}
	require.NotEmpty(t, o.seen(anySpan))
}
