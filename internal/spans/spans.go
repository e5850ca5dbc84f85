// Package spans builds spans from exchanges.
package spans

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/correlate"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Builder collects spans until Flush: one ResourceSpans per process, one
// ScopeSpans in each. One goroutine uses it.
type Builder struct{}

// New returns a builder that names the scope and its version. offset returns
// what to add to a time since boot (CLOCK_MONOTONIC) to make it one since the
// Unix epoch; it is asked once per batch.
func New(scope, version string, offset func() time.Duration) *Builder { return &Builder{} }

// Add appends the span of one exchange.
func (b *Builder) Add(r pcommon.Resource, ctx correlate.Context, c *conn.Conn, x *proto.Exchange) {}

// Len returns how many spans wait for Flush.
func (b *Builder) Len() int { return 0 }

// Flush returns the spans added since the last Flush; the caller owns them.
func (b *Builder) Flush() ptrace.Traces { return ptrace.NewTraces() }
