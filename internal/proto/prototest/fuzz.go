package prototest

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Rule judges an exchange a fuzzed conversation led to; sent is what both
// sides sent as far as it was captured. It returns what is wrong, or "".
type Rule func(x *proto.Exchange, sent *[2][]byte) string

// maxWaiting bounds what a parser may leave unused in a direction.
const maxWaiting = 80 << 10

// Fuzz plays mutations of the conversations, cut at random. The parser must not
// panic, must use what it says and no more, must not wait for ever, must not end
// an exchange before it began, must see the same in pieces as in one, as long as
// nobody marks frames, and must not break a rule.
func Fuzz(f *testing.F, make Maker, glob string, rules ...Rule) {
	for i, path := range conversations(f, glob) {
		c := load(f, path)
		f.Add(encode(c), uint64(i))
	}
	protocol := make(f, "")
	all := []string{"all"}
	f.Fuzz(func(t *testing.T, script []byte, seed uint64) {
		c := decode(script)
		c.show = all
		cut := cutter(rand.New(rand.NewPCG(seed, 0)))
		var said [2][]byte
		tr := start(protocol, c, func(x *proto.Exchange) {
			if x.End < x.Start {
				t.Errorf("%s ended at %d, before %d", x.Name, x.End, x.Start)
			}
			for _, rule := range rules {
				if wrong := rule(x, &said); wrong != "" {
					t.Error(wrong)
				}
			}
		})
		for _, s := range c.steps {
			said[s.from] = append(said[s.from], s.bytes...)
			tr.step(s, cut)
			tr.assert(t)
		}
		if c.marked() { // a promise of the kernel side, which a mutation does not keep
			return
		}
		if whole, cut := play(protocol, c, whole), tr.log.String(); whole != cut {
			t.Errorf("whole:\n%s\nin pieces:\n%s", whole, cut)
		}
	})
}

// marked reports whether some of the bytes are said to begin a frame.
func (c *conversation) marked() bool {
	return slices.ContainsFunc(c.steps, func(s step) bool {
		return slices.ContainsFunc(s.pieces(), func(p piece) bool { return p.frame })
	})
}

func (t *tracker) assert(tb testing.TB) {
	tb.Helper()
	if t.violation != "" {
		tb.Fatal(t.violation)
	}
	for _, s := range t.sides {
		waiting := uint64(0)
		for _, p := range s.pieces {
			waiting += p.len()
		}
		if waiting > maxWaiting {
			tb.Fatalf("%d bytes wait", waiting)
		}
	}
}

// encode writes the steps in a form whose mutations are conversations too: a
// byte of side, kind and end, two bytes of length, the bytes.
func encode(c *conversation) (script []byte) {
	for _, s := range c.steps {
		op := byte(s.from) | byte(s.kind)<<1
		if !s.end {
			op |= 1 << 4
		}
		if s.kind != sent {
			script = appendOp(script, op, s.hole)
			continue
		}
		for _, p := range s.pieces() {
			switch {
			case p.lost:
				script = appendOp(script, op|byte(lost)<<1, p.hole)
			case p.hole > 0:
				script = appendOp(script, op|byte(thrift)<<1, p.hole)
			case p.frame:
				script = append(appendOp(script, op|opFrame, uint64(len(p.bytes))), p.bytes...)
			default:
				script = append(appendOp(script, op, uint64(len(p.bytes))), p.bytes...)
			}
		}
	}
	return script
}

// opFrame marks that the bytes begin a frame.
const opFrame = 1 << 5

func appendOp(script []byte, op byte, n uint64) []byte {
	return binary.BigEndian.AppendUint16(append(script, op), uint16(min(n, 0xffff)))
}

func decode(script []byte) *conversation {
	c := &conversation{side: proto.Server}
	for len(script) >= 3 {
		op, n := script[0], binary.BigEndian.Uint16(script[1:])
		script = script[3:]
		s := step{from: proto.Side(op & 1), kind: kind(op >> 1 & 7), end: op&(1<<4) == 0}
		switch {
		case s.kind == thrift || s.kind == lost:
			s.hole = uint64(n)
		case s.kind == sent:
			k := min(len(script), int(n))
			s.bytes, script = script[:k], script[k:]
			if op&opFrame != 0 {
				s.starts = []int{0}
			}
		case s.kind != eof:
			s.kind, s.reason = closed, proto.ReasonReset
		}
		c.steps = append(c.steps, s)
	}
	c.finish()
	return c
}
