package http2

import "github.com/edf076de/ebpfreceiver/internal/proto"

// payload skips what there is of a payload that is not read. before is how many
// bytes of d precede it.
func (p *parser) payload(s *side, d *proto.Data, before uint64) uint64 {
	n := min(s.left, d.Len()-before)
	s.left -= n
	if s.frame.kind == data {
		b := d.Bytes[before:min(uint64(len(d.Bytes)), before+n)]
		p.data(s, d, b, n-uint64(len(b)), before > 0)
	}
	return before + n
}

// data counts a part of a frame of DATA: bytes, then a hole. start says that it
// is the first.
func (p *parser) data(s *side, d *proto.Data, b []byte, hole uint64, start bool) {
	st := p.streams[s.frame.stream]
	known := true
	if s.pad && (len(b) > 0 || hole > 0) {
		s.pad = false
		if known = len(b) > 0; known {
			s.body -= min(s.body, 1+uint64(b[0]))
			b = b[1:]
		}
	}
	b = b[:min(s.body, uint64(len(b)))]
	s.body -= uint64(len(b))
	unseen := min(s.body, hole)
	s.body -= unseen
	if st == nil {
		return
	}
	p.moved(st, d, start)
	if !known {
		st.size[d.From] = sizeUnknown
		st.call.Lost(d.From)
	}
	if hole > 0 && d.Lost {
		st.capture |= proto.Gap
	}
	if st.size[d.From] != sizeUnknown {
		st.size[d.From] = max(st.size[d.From], 0) + int64(len(b)) + int64(unseen)
	}
	st.call.Body(d.From, b, unseen)
	if s.left == 0 && s.frame.has(endStream) {
		p.ends(st, d)
	}
}
