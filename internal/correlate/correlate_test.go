package correlate

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

func TestParentIsHonoured(t *testing.T) {
	for _, flags := range []byte{0, 1, 3} {
		x := &proto.Exchange{Parent: proto.TraceContext{
			Trace: [16]byte{1, 15: 2}, Span: [8]byte{3, 7: 4}, Flags: flags, State: "vendor=a,other=b",
		}}
		got := New([32]byte{}).Place(nil, x)
		want := Context{
			Trace: x.Parent.Trace, Parent: x.Parent.Span, Span: got.Span,
			Flags: 0x300 | uint32(flags), State: x.Parent.State,
		}
		if got != want || got.Span.IsEmpty() || got.Span == got.Parent {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestRoot(t *testing.T) {
	for name, parent := range map[string]proto.TraceContext{
		"none":     {},
		"no trace": {Span: [8]byte{1}, Flags: 1, State: "a=b"},
		"no span":  {Trace: [16]byte{1}, Flags: 1, State: "a=b"},
	} {
		got := New([32]byte{}).Place(nil, &proto.Exchange{Parent: parent})
		want := Context{Trace: got.Trace, Span: got.Span}
		if got != want || got.Trace.IsEmpty() || got.Span.IsEmpty() || got.Trace == parent.Trace {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestIdentitiesAreUnique(t *testing.T) {
	c := New([32]byte{1})
	traces, spans := map[pcommon.TraceID]bool{}, map[pcommon.SpanID]bool{}
	for range 100_000 {
		ctx := c.Place(nil, &proto.Exchange{})
		if traces[ctx.Trace] || spans[ctx.Span] {
			t.Fatalf("%+v was given before", ctx)
		}
		traces[ctx.Trace], spans[ctx.Span] = true, true
	}
}

func TestIdentitiesFollowFromTheSeed(t *testing.T) {
	x := &proto.Exchange{}
	one, same, other := New([32]byte{1}).Place(nil, x), New([32]byte{1}).Place(nil, x), New([32]byte{2}).Place(nil, x)
	if one != same || one == other {
		t.Errorf("%+v, %+v, %+v", one, same, other)
	}
}

// zeros is a source that yields zero every other time.
type zeros struct{ n uint64 }

func (z *zeros) Uint64() uint64 { z.n++; return z.n % 2 * z.n }

func TestZeroIsNoIdentity(t *testing.T) {
	c := &Correlator{random: &zeros{n: 1}} // its next number is zero
	ctx := c.Place(nil, &proto.Exchange{})
	if ctx.Span.IsEmpty() || ctx.Trace.IsEmpty() {
		t.Errorf("%+v", ctx)
	}
}

func TestPlaceDoesNotAllocate(t *testing.T) {
	c, x := New([32]byte{}), &proto.Exchange{}
	if n := testing.AllocsPerRun(100, func() { c.Place(nil, x) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkPlace(b *testing.B) {
	c, x := New([32]byte{}), &proto.Exchange{}
	b.ReportAllocs()
	for b.Loop() {
		c.Place(nil, x)
	}
}
