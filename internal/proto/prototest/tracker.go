package prototest

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A tracker plays the part of conn.Tracker. As soon as a piece arrives, it
// offers all contiguous bytes of that direction, again and again while the
// parser uses some. When the parser wants more and a hole follows, it offers
// the bytes with the hole. What is offered always ends with the newest piece or
// before a hole, so End tells of the last byte of every call.
//
// After ErrLost it drops a direction until that side speaks after the other.
type tracker struct {
	parser proto.Parser
	now    time.Duration
	sides  [2]stream
	spoke  proto.Side // who sent the last section
	log    strings.Builder
	done   bool

	violation string // of the contract by the parser
}

// The addresses of the observed process and of its peer.
var (
	local  = netip.MustParseAddrPort("10.0.0.1:8080")
	remote = netip.MustParseAddrPort("10.0.0.2:40000")
)

// play runs c with pieces as long as cut says and prints what happened.
func play(p *proto.Protocol, c *conversation, cut func(uint64) uint64) string {
	t := start(p, c, nil)
	for _, s := range c.steps {
		t.step(s, cut)
	}
	return t.log.String()
}

// start makes the parser; watch sees every exchange.
func start(p *proto.Protocol, c *conversation, watch func(*proto.Exchange)) *tracker {
	t := &tracker{spoke: proto.Server}
	conn := proto.Conn{Side: c.side, Local: local, Remote: remote, TLS: c.tls}
	if c.side == proto.Client {
		conn.Local, conn.Remote = remote, local
	}
	t.parser = p.New(conn, func(x *proto.Exchange) {
		t.log.WriteString(format(x, c.show))
		if watch != nil {
			watch(x)
		}
	})
	return t
}

func (t *tracker) step(s step, cut func(uint64) uint64) {
	t.now++
	switch {
	case t.done:
	case s.kind == eof:
		t.parser.EOF(s.from, t.now)
	case s.kind == closed:
		t.parser.Close(t.now, s.reason)
		t.done = true
	default:
		t.speak(s, cut)
	}
}

// speak gives the parser one section in pieces.
func (t *tracker) speak(s step, cut func(uint64) uint64) {
	if t.spoke != s.from {
		t.sides[s.from].lost = false
	}
	t.spoke = s.from
	pieces := s.pieces()
	for i, p := range pieces {
		p.at, p.end = t.now, s.end && i == len(pieces)-1
		t.hand(s.from, p, cut)
	}
}

// hand gives the parser p in pieces.
func (t *tracker) hand(from proto.Side, p piece, cut func(uint64) uint64) {
	side, third := &t.sides[from], p.hole/3
	p.frame = p.frame && len(side.pieces) == 0 // as conn.Tracker: behind bytes that wait a mark is not seen
	for p.len() > 0 && !side.lost && !t.done {
		n := cut(p.len())
		if p.hole > 0 {
			n = max(n, third) // a hole is long
		}
		side.pieces = append(side.pieces, p.take(n))
		t.offer(from)
	}
}

// offer calls the parser while it makes progress.
func (t *tracker) offer(from proto.Side) {
	side := &t.sides[from]
	for len(side.pieces) > 0 && !side.lost && !t.done {
		d := side.data(from, false)
		n := uint64(0)
		if len(d.Bytes) > 0 {
			n = t.parse(d)
		}
		if n == 0 && side.hole() && !side.lost && !t.done {
			d = side.data(from, true)
			if n = t.parse(d); n == 0 && !side.lost && !t.done {
				t.violation = "used nothing of a hole"
			}
		}
		if n == 0 || t.violation != "" {
			return
		}
		side.use(n)
	}
}

func (t *tracker) parse(d *proto.Data) uint64 {
	n, err := t.parser.Parse(d)
	var became *proto.Become
	switch {
	case errors.As(err, &became):
		t.log.WriteString("became " + became.Protocol.Name + "\n")
		t.parser, err = became.Next, nil
	case errors.Is(err, proto.ErrLost):
		t.log.WriteString([]string{"lost client\n", "lost server\n"}[d.From])
		t.sides[d.From] = stream{lost: true}
	case errors.Is(err, proto.ErrStop):
		t.log.WriteString("stop\n")
		t.done = true
	case errors.Is(err, proto.ErrCarry):
		t.log.WriteString("carry\n")
		t.done = true
	case err != nil:
		t.log.WriteString("error: " + err.Error() + "\n")
		t.done = true
	}
	if n > d.Len() || became != nil && n == 0 {
		t.violation = "used more than there was, or nothing before it handed over"
	}
	if err != nil {
		return 0
	}
	return n
}
