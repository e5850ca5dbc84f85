// Package spans builds spans from exchanges.
//
// A Builder renders any exchange: it knows the conventions that hold for every
// protocol (kind, status, times, the peer's address) and copies the attributes
// that the protocol chose.
package spans

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/correlate"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// schemaURL names the version of the semantic conventions the spans follow.
const schemaURL = "https://opentelemetry.io/schemas/1.43.0"

// A Builder collects spans until Flush: one ResourceSpans per process, one
// ScopeSpans in each. One goroutine uses it.
type Builder struct {
	scope, version string
	offset         func() time.Duration

	traces    ptrace.Traces
	spans     map[pcommon.Resource]ptrace.SpanSlice // in traces
	count     int
	shift     time.Duration // of this batch, what offset returned
	addresses addresses
	handshake []proto.Attr // of the connection at hand
}

// New returns a builder that names the scope and its version. offset returns
// what to add to a time since boot (CLOCK_MONOTONIC) to make it one since the
// Unix epoch; it is asked once per batch.
func New(scope, version string, offset func() time.Duration) *Builder {
	return &Builder{
		scope: scope, version: version, offset: offset,
		traces:    ptrace.NewTraces(),
		spans:     map[pcommon.Resource]ptrace.SpanSlice{},
		addresses: addresses{},
	}
}

// Add appends the span of one exchange. Spans of the same r share one
// ResourceSpans; the builder copies r.
//
// A span that would end before it starts, because the two times come from
// different processors or are bounds, ends when it starts.
//
// Add returns the attributes, which may be added to until Flush; there is room for
// more of them.
func (b *Builder) Add(r pcommon.Resource, ctx correlate.Context, c *conn.Conn, x *proto.Exchange, more int) pcommon.Map {
	if b.count == 0 {
		b.shift = b.offset()
	}
	b.count++
	s := b.spansOf(r).AppendEmpty()
	b.identify(s, &ctx)
	s.SetName(valid(x.Name))
	s.SetKind(kinds[x.Side])
	s.SetStartTimestamp(pcommon.Timestamp(b.shift + x.Start))
	s.SetEndTimestamp(pcommon.Timestamp(b.shift + max(x.Start, x.End)))
	if x.Err != "" {
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	b.describe(s.Attributes(), c, x, more)
	return s.Attributes()
}

// kinds are the span kinds by the side of the observed process.
var kinds = [...]ptrace.SpanKind{
	proto.Client: ptrace.SpanKindClient,
	proto.Server: ptrace.SpanKindServer,
}

// identify puts the span in its trace.
func (b *Builder) identify(s ptrace.Span, ctx *correlate.Context) {
	s.SetTraceID(ctx.Trace)
	s.SetSpanID(ctx.Span)
	s.SetParentSpanID(ctx.Parent)
	s.SetFlags(ctx.Flags)
	if ctx.State != "" {
		s.TraceState().FromRaw(valid(ctx.State))
	}
}

// spansOf returns where the spans of one resource go. Resources are compared by
// identity: the cache of package resource makes one per process.
func (b *Builder) spansOf(r pcommon.Resource) ptrace.SpanSlice {
	if spans, ok := b.spans[r]; ok {
		return spans
	}
	rs := b.traces.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl(schemaURL)
	r.CopyTo(rs.Resource())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl(schemaURL)
	ss.Scope().SetName(b.scope)
	ss.Scope().SetVersion(b.version)
	b.spans[r] = ss.Spans()
	return ss.Spans()
}

// Len returns how many spans wait for Flush.
func (b *Builder) Len() int { return b.count }

// Flush returns the spans added since the last Flush; the caller owns them.
func (b *Builder) Flush() ptrace.Traces {
	done := b.traces
	b.traces, b.count = ptrace.NewTraces(), 0
	clear(b.spans)
	return done
}
