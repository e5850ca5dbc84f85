package http2

import (
	"sync"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/grpc"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// shared is what all connections share.
type shared struct {
	sem           *http.Semantics
	calls         *grpc.Semantics
	readers, free sync.Pool // *reader, *stream
}

// A parser is one connection.
type parser struct {
	*shared
	conn proto.Conn
	peer string // the remote address
	emit func(*proto.Exchange)

	sides    [2]side
	streams  map[uint32]*stream
	early    []uint32 // streams whose response came before their request, ascending
	highest  uint32   // stream the client opened
	allowed  uint32   // streams the server lets be open at once; zero: not known
	last     uint32   // stream the server processes
	first    bool     // no exchange was opened yet
	suspects bool     // some streams may be suspect
	most     int      // streams that were open at once since the map was made
}

func newParser(s *shared, c proto.Conn, emit func(*proto.Exchange)) *parser {
	p := &parser{shared: s, conn: c, emit: emit, last: 1<<31 - 1, first: true}
	if a := c.Remote.Addr(); a.IsValid() {
		p.peer = a.Unmap().String()
	}
	return p
}

// Parse reads one frame, or what there is of the payload of one. It never says
// that it is lost: it looks for the next frame itself.
func (p *parser) Parse(d *proto.Data) (uint64, error) {
	s := &p.sides[d.From]
	s.marked = s.marked || d.Frame
	n := p.step(s, d)
	if n > 0 {
		s.last = d.Last
	}
	return n, nil
}

func (p *parser) step(s *side, d *proto.Data) uint64 {
	switch {
	case !s.begun:
		return p.begin(s, d)
	case s.lost, d.Frame && s.guessed && s.left > 0:
		return p.search(s, d)
	case s.left > 0:
		return p.payload(s, d, 0)
	}
	return p.next(s, d)
}

// begin takes the preface. A connection without one was joined in mid-stream.
func (p *parser) begin(s *side, d *proto.Data) uint64 {
	n := min(len(d.Bytes), len(preface))
	switch {
	case d.From == proto.Server, string(d.Bytes[:n]) != preface[:n], n < len(preface) && d.Hole > 0:
	case n < len(preface):
		return 0
	default:
		p.fresh()
		return uint64(n)
	}
	s.begun = true
	p.lose(s, d)
	return p.search(s, d)
}

// fresh begins a connection whose first byte was seen.
func (p *parser) fresh() {
	for i := range p.sides {
		if s := &p.sides[i]; !s.begun {
			*s = side{begun: true, limit: defaultFrame, table: table{limit: defaultTable}}
		}
	}
}

// count counts something no exchange tells of.
func (p *parser) count(reason string) {
	if p.conn.Lose != nil {
		p.conn.Lose(reason)
	}
}

// upgraded begins with a request that HTTP/1.1 carried: it is stream 1, and its
// response will come in frames.
func (p *parser) upgraded(x *http.Exchange) {
	p.highest, p.first = 1, false
	x.Upgraded("2")
	st := p.add(1)
	st.x, st.course = x, x.Course
	st.ended[proto.Client] = true
	st.size[proto.Client] = x.RequestSize
	p.sides[proto.Server] = side{begun: true, table: table{limit: defaultTable}}
	p.sides[proto.Client].limit = defaultFrame
}
