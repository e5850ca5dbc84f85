package http1

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// A message is a head that was read.
type message struct {
	head    *http.Head
	framing framing
	line    []byte // the start line
	cut     bool   // the end of the head is missing
}

// head waits for a whole head, or takes what there is of one before a hole.
func (p *parser) head(s *stream, d *proto.Data) (uint64, error) {
	if n := len(d.Bytes) - len(skipBreaks(d.Bytes)); n > 0 {
		return uint64(n), nil
	}
	switch v := begins(d.From, d.Bytes); {
	case v == proto.No, len(d.Bytes) == 0:
		return 0, p.lose(s, d)
	case v == proto.Maybe && s.doubt && d.End:
		return 0, p.lose(s, d) // more likely the rest of what was lost
	}
	if s.scanned > 0 && !hasEmptyLine(d.Bytes, s.scanned) && d.Hole == 0 {
		return 0, s.wait(d)
	}
	var m message
	n := p.read(d, &m)
	defer p.sem.Release(m.head)
	switch {
	case m.cut && d.Hole == 0:
		return 0, s.wait(d)
	case n > maxHead:
		return 0, errHead
	case len(m.line) == 0:
		return 0, p.lose(s, d) // a hole in the start line
	case m.cut:
		n = d.Len()
	}
	if d.From == proto.Client {
		return n, p.request(s, d, &m)
	}
	return n, p.answer(s, d, &m)
}

// wait asks for more of a head.
func (s *stream) wait(d *proto.Data) error {
	s.scanned = len(d.Bytes)
	if s.scanned > maxHead {
		return errHead
	}
	return nil
}

// read reads the lines of a head and returns its length.
func (p *parser) read(d *proto.Data, m *message) uint64 {
	if d.From == proto.Client {
		m.head = p.sem.RequestHead()
	} else {
		m.head = p.sem.ResponseHead()
	}
	line, rest, more := cutLine(d.Bytes)
	m.line, m.cut = line, true
	for more {
		var field []byte
		behind := rest
		if field, rest, more = cutField(behind); !more {
			m.cut = len(rest) == len(behind)
			break
		}
		if frames[field[0]] || m.head.Wants(field[0]) {
			name, value := splitField(field)
			m.framing.field(name, value)
			m.head.Field(name, value)
		}
	}
	return uint64(len(d.Bytes) - len(rest))
}
