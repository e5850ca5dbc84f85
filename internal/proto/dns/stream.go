package dns

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const (
	lengthSize = 2  // in front of every message (RFC 1035 section 4.2.2)
	headerSize = 12 // of a message
	maxOpen    = 256
)

var errNotDNS = errors.New("not DNS")

// A parser is one TCP connection.
type parser struct {
	conn    proto.Conn
	table   table
	message message
	skip    [2]uint64 // bytes of a message under way that were not captured, by side
	done    error     // why nothing more is parsed
}

func newParser(c proto.Conn, emit func(*proto.Exchange)) *parser {
	return &parser{conn: c, table: table{transport: "tcp", max: maxOpen, emit: func(_ *Origin, x *proto.Exchange) { emit(x) }}}
}

// Parse reads one message, or what there is of one.
func (p *parser) Parse(d *proto.Data) (uint64, error) {
	if p.done != nil {
		return 0, p.done
	}
	if skip := &p.skip[d.From]; *skip > 0 {
		n := min(*skip, d.Len())
		*skip -= n
		return n, nil
	}
	if len(d.Bytes) < lengthSize {
		if d.Hole > 0 {
			return 0, p.lost(d)
		}
		return 0, nil
	}
	size := lengthSize + int(binary.BigEndian.Uint16(d.Bytes))
	if size < lengthSize+headerSize {
		return 0, p.stop(d.First)
	}
	whole := len(d.Bytes) >= size
	if !whole && d.Hole == 0 {
		return 0, nil
	}
	if !p.take(d, d.Bytes[lengthSize:min(size, len(d.Bytes))], !whole) {
		return 0, p.stop(d.First)
	}
	n := min(uint64(size), d.Len())
	p.skip[d.From] = uint64(size) - n
	return n, nil
}

// take handles one message; false means that it is none.
func (p *parser) take(d *proto.Data, b []byte, cut bool) bool {
	m := &p.message
	err := m.read(b, cut)
	if err == nil && m.response != (d.From == proto.Server) {
		err = errNotDNS
	}
	switch k := (key{id: m.id, side: p.conn.Side}); {
	case err != nil:
		if d.From == proto.Server {
			p.table.doubt() // it may have been the answer to any
		}
		return cut
	case m.response:
		p.table.answer(m, k, &Origin{}, d.Last)
	default:
		p.table.ask(m, k, &Origin{}, d.First, d.Thread)
	}
	return true
}

// lost forgets where messages begin in one direction.
func (p *parser) lost(d *proto.Data) error {
	p.skip[d.From] = 0
	if d.From == proto.Server {
		p.table.doubt()
	}
	return proto.ErrLost
}

// stop ends the parsing: what is open stays unknown.
func (p *parser) stop(at time.Duration) error {
	p.done = errNotDNS
	p.table.doubt()
	p.table.all(at, "", 0)
	return errNotDNS
}

// EOF ends what the server left open.
func (p *parser) EOF(from proto.Side, at time.Duration) {
	if from == proto.Server {
		p.Close(at, proto.ReasonClosed)
	}
}

// Close ends the lookups still open.
func (p *parser) Close(at time.Duration, reason string) { p.table.all(at, reason, 0) }
