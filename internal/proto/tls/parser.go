package tls

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A parser follows one handshake.
type parser struct {
	conn  proto.Conn
	emit  func(*proto.Exchange)
	facts *proto.TLS
	sides [2]side
	done  error // why nothing more is parsed

	thread   uint32
	begun    bool // the ClientHello has
	greeted  bool // it is complete
	answered bool // the ServerHello came
	early    bool // the client may send data before it has finished; so it may until it is greeted
	taken    bool // the connection was another protocol's before
}

// A side is what one side sent.
type side struct {
	record
	messages
	alert    [alertSize]byte
	changed  bool // its ChangeCipherSpec came
	finished bool // its Finished came, until TLS 1.2
	spoke    bool // encrypted, behind the ServerHello of TLS 1.3
	torn     bool // records of it were lost, nobody knows how many
}

func newParser(c proto.Conn, emit func(*proto.Exchange)) *parser {
	p := &parser{conn: c, emit: emit, facts: &proto.TLS{}, early: true}
	for from := range p.sides {
		p.sides[from].take = func(kind uint8, body []byte, whole bool) {
			p.message(proto.Side(from), kind, body, whole)
		}
	}
	return p
}

// Parse uses all there is.
func (p *parser) Parse(d *proto.Data) (uint64, error) {
	if p.done != nil {
		return 0, p.done
	}
	s := &p.sides[d.From]
	for b := d.Bytes; len(b) > 0; {
		if !p.begun && !p.begin(d) {
			return 0, p.done
		}
		n := p.read(s, b, d)
		if p.done != nil {
			return 0, p.done
		}
		b = b[n:]
	}
	if err := p.hole(s, d); err != nil {
		return 0, err
	}
	return d.Len(), p.done
}

// begin notes when the handshake began. What does not begin with the client's
// hello was joined behind it; on a connection that was taken over, it is not TLS.
func (p *parser) begin(d *proto.Data) bool {
	if p.taken && (d.From == proto.Server || hello(d.Bytes) == proto.No || p.missed()) {
		p.done = proto.ErrStop
		return false
	}
	if d.From == proto.Server || d.Bytes[0] != handshake || p.missed() {
		p.done = proto.ErrCarry
		return false
	}
	p.begun, p.thread, p.facts.Start = true, d.Thread, d.First
	if at := d.FirstMoment().Arrived; p.conn.Side == proto.Server && at > 0 {
		p.facts.Start = at // to a server it begins when it comes to the socket
	}
	return true
}

// read takes bytes of a header or of a fragment and returns how many.
func (p *parser) read(s *side, b []byte, d *proto.Data) int {
	if s.record.left == 0 {
		n, ok := s.fill(b)
		if !ok {
			p.foreign(d.Last)
		} else if s.record.left > 0 {
			s.secret = s.changed && p.facts.Version != v13
		}
		return n
	}
	n := min(s.record.left, len(b))
	p.fragment(s, b[:n])
	p.pass(s, n, d)
	return n
}

// fragment takes bytes of the fragment of a record.
func (p *parser) fragment(s *side, b []byte) {
	switch s.kind() {
	case handshake:
		if !s.secret {
			s.join(b)
		}
	case alert:
		if at := s.size() - s.record.left; at < alertSize {
			copy(s.alert[at:], b)
		}
	}
}

// pass counts n bytes of a fragment and ends the record behind the last.
func (p *parser) pass(s *side, n int, d *proto.Data) {
	s.record.left -= n
	if s.record.left == 0 {
		p.ended(s, d)
	}
}

// hole takes the hole behind the bytes. One that is longer than the record at
// hand hides where the next begins.
func (p *parser) hole(s *side, d *proto.Data) error {
	if d.Hole == 0 {
		return nil
	}
	if d.Hole > uint64(s.record.left) {
		s.record, s.torn = record{}, true
		s.blind, s.body = true, nil
		return proto.ErrLost
	}
	switch n := int(d.Hole); {
	case s.kind() == handshake && !s.secret:
		s.skip(n)
	case s.kind() == alert:
		s.secret, s.cut = true, true // as good as
	}
	p.pass(s, int(d.Hole), d)
	return nil
}

// EOF does nothing: the end of the connection says more.
func (p *parser) EOF(proto.Side, time.Duration) {}

// Close ends a handshake that is open.
func (p *parser) Close(at time.Duration, reason string) {
	switch {
	case p.done != nil || !p.begun:
	case p.missed(): // it may have ended well
		p.unclear(at)
	default:
		p.fail(at, reason)
	}
}

// missed reports whether something is missing that may be needed.
func (p *parser) missed() bool {
	for i := range p.sides {
		if p.sides[i].blind || p.sides[i].cut {
			return true
		}
	}
	return false
}
