//go:build linux

package truth

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.yaml.in/yaml/v3"

	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver"
)

// A span is what the suite looks at of one.
type span struct {
	kind       ptrace.SpanKind
	start, end time.Time
	attrs      map[string]any
}

// path returns the path without the query: it names one request.
func (s *span) path() string {
	text, ok := s.attrs["url.path"].(string)
	if !ok {
		text, _ = s.attrs["url.full"].(string)
		_, text, _ = strings.Cut(text, "://")
		_, text, _ = strings.Cut(text, "/")
		text = "/" + text
	}
	text, _, _ = strings.Cut(text, "?")
	return text
}

// An observer is a running receiver and the spans it delivered.
type observer struct {
	mu    sync.Mutex
	spans map[string][]*span // by path
}

func observe(t *testing.T, config string) *observer {
	t.Helper()
	o := &observer{spans: map[string][]*span{}}
	f := ebpfreceiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(config), &tree))
	require.NoError(t, confmap.NewFromStringMap(tree).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	sink, err := consumer.NewTraces(o.take)
	require.NoError(t, err)
	traces, err := f.CreateTraces(t.Context(), receivertest.NewNopSettings(f.Type()), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, traces.Start(context.Background(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, traces.Shutdown(context.Background())) })
	return o
}

func (o *observer) take(_ context.Context, td ptrace.Traces) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				one := &span{s.Kind(), s.StartTimestamp().AsTime(), s.EndTimestamp().AsTime(), s.Attributes().AsRaw()}
				o.spans[one.path()] = append(o.spans[one.path()], one)
			}
		}
	}
	return nil
}

// of returns the spans of a request.
func (o *observer) of(path string) []*span {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.spans[path]
}

// await returns the spans of a request when there are so many, or after a while.
func (o *observer) await(path string, n int) []*span {
	for deadline := time.Now().Add(3 * time.Second); len(o.of(path)) < n && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	return o.of(path)
}
