// Package pipeline is the one place that knows the whole flow: records of the
// kernel come in, traces and metrics go out.
package pipeline

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// Config is what a pipeline is made of.
type Config struct {
	Source    event.Source
	Protocols []*proto.Protocol
	Mute      func(conn uint64) // stops the capture of a connection in the kernel

	Host           string // host.name of every resource
	Scope, Version string // of the instrumentation scope
	Interval       time.Duration
	MaxConnections int
	MaxSeries      int

	// Traces and Metrics deliver to the next consumers; nil when there is none.
	// They may block for a bounded time and own what they are given. The
	// pipeline calls each from one goroutine of its own.

	Traces  func(context.Context, ptrace.Traces)
	Metrics func(context.Context, pmetric.Metrics)
}

// A Pipeline reads a source and feeds the consumers.
type Pipeline struct{ cfg Config }

// New returns a pipeline that does nothing until Run.
func New(c Config) *Pipeline { return &Pipeline{cfg: c} }

// Run works until the source ends or ctx is cancelled, then flushes.
func (p *Pipeline) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// A Count is one of the pipeline's counters.
type Count struct {
	Reason string // "gap", "connection_table_full", "export_queue_full", "parse_error", …
	Part   string // what the reason is about: a protocol's name, "traces", "metrics"
	N      uint64
}

// Losses returns what was lost above the kernel, by reason and part.
func (p *Pipeline) Losses() []Count { return nil }

// Totals are what the pipeline handled since Run.
type Totals struct {
	Records     uint64            // read from the source
	Exchanges   map[string]uint64 // by protocol
	Connections int64             // followed now
}

// Totals returns the totals.
func (p *Pipeline) Totals() Totals { return Totals{} }
