// Package correlate gives every exchange its place in a trace.
package correlate

import (
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Context is the identity of one span.
type Context struct {
	Trace  pcommon.TraceID
	Span   pcommon.SpanID
	Parent pcommon.SpanID // zero for a root span
	Flags  uint32         // of the OTLP span: W3C trace flags, 0x100 and 0x200
	State  string         // W3C tracestate; valid as long as the exchange
}

// A Correlator gives exchanges identities. One goroutine uses it.
type Correlator struct{ random rand.Source }

// New returns a correlator whose identities follow from seed.
func New(seed [32]byte) *Correlator { return &Correlator{random: rand.NewChaCha8(seed)} }

// Place decides the trace and the parent of x. Only a parent that x carried in
// its own request is a parent; otherwise x is the root of a new trace.
func (c *Correlator) Place(_ *conn.Conn, x *proto.Exchange) Context {
	var ctx Context
	binary.BigEndian.PutUint64(ctx.Span[:], c.id())
	if !x.Parent.Valid() {
		binary.BigEndian.PutUint64(ctx.Trace[:8], c.id())
		binary.BigEndian.PutUint64(ctx.Trace[8:], c.id())
		return ctx
	}
	ctx.Trace, ctx.Parent = x.Parent.Trace, x.Parent.Span
	ctx.Flags = uint32(x.Parent.Flags) | hasIsRemote | isRemote
	ctx.State = x.Parent.State
	return ctx
}

// id returns a random number that is not zero: an identity of zeros means none.
func (c *Correlator) id() uint64 {
	for {
		if n := c.random.Uint64(); n != 0 {
			return n
		}
	}
}

// Bits of Span.flags beyond the W3C ones.
//
// Source: opentelemetry-proto trace.proto, SpanFlags.
const (
	hasIsRemote = 0x100
	isRemote    = 0x200
)
