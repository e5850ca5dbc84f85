package http2

import "github.com/edf076de/ebpfreceiver/internal/proto"

const (
	enough = 3               // headers in a row are no accident
	few    = 2               // nor are these, when no more can be had
	patent = 24 << 10        // bytes that are waited for until there are
	shown  = headerSize + 16 // bytes of a frame of DATA that is copied in part
)

// search looks for a frame in a direction that lost its place: where the kernel
// side says that one begins, or, if it never did, where a chain of plausible
// headers does.
func (p *parser) search(s *side, d *proto.Data) uint64 {
	if h, ok := parseHeader(d.Bytes); d.Frame && (!ok || h.plausible(d.From) && s.fits(&h)) {
		p.lose(s, d) // what was found by search was wrong
		s.lost = false
		return p.next(s, d)
	}
	for i := 0; i < len(d.Bytes) && !s.marked; i++ {
		v := s.chain(d, d.Bytes[i:])
		switch {
		case v == proto.Yes:
			p.skipped(s, d, i)
			s.lost, s.guessed = false, true
			if i > 0 {
				return uint64(i)
			}
			return p.next(s, d)
		case v == proto.Maybe && d.Hole == 0:
			p.skipped(s, d, i)
			return uint64(i)
		}
	}
	p.skipped(s, d, 1)
	return d.Len()
}

// skipped notes that n bytes were: they may have been of streams that were opened
// since the place was lost.
func (p *parser) skipped(s *side, d *proto.Data, n int) {
	if n > 0 && s.doubted != p.highest {
		p.doubtAll(s, d)
	}
}

// chain judges whether b, the end of d.Bytes, begins with a frame: it follows
// the headers from one to the next.
func (s *side) chain(d *proto.Data, b []byte) proto.Verdict {
	for frames := 0; frames < enough; frames++ {
		h, ok := parseHeader(b)
		switch {
		case len(b) == 0 && d.End && d.Hole == 0 && frames > 0:
			return proto.Yes // a call that ends with a frame
		case !ok:
			return s.cut(d, frames, len(b))
		case !h.likely(d.From) || h.length > max(s.limit, defaultFrame):
			return proto.No
		case h.size() > uint64(len(b)):
			if h.kind == data && d.Hole > 0 && !d.Lost && len(b) == shown && h.size() <= shown+d.Hole {
				return proto.Yes // cut as the kernel side cuts one
			}
			return s.cut(d, frames+1, len(b))
		}
		b = b[h.size():]
	}
	return proto.Yes
}

// cut judges a chain of so many headers that goes on behind what is there.
func (s *side) cut(d *proto.Data, frames, left int) proto.Verdict {
	switch {
	case d.Hole == 0 && left < patent:
		return proto.Maybe
	case frames >= few:
		return proto.Yes
	}
	return proto.No
}
