package http2

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// What is known after a loss:
//
// A hole inside of a payload changes nothing but what was in it: the next frame
// is known to begin behind. Of a header block the table is lost, for nobody knows
// what the rest of it inserted.
//
// Where the place among the frames is lost, all may have been in the hole. Of
// what the client sent that is requests, which nobody will know of, and the ends
// of open ones: their exchanges do not wait for them. Of what the server sent it
// may be the responses of all open streams. They are suspect until the server
// says something on them. What is still suspect when the connection ends, or when
// there must be room because the server does not let more streams be open than
// it said, ends as unknown, when the hole began.

// lose gives up the place among the frames.
func (p *parser) lose(s *side, d *proto.Data) {
	if s.lost {
		return
	}
	s.lost, s.guessed, s.gap, s.left, s.block = true, false, d.Hole > 0 && d.Lost, 0, nil
	s.table.forget()
	p.sides[d.From.Other()].limit = 0 // a setting may be lost
	p.doubtAll(s, d)
}

func (p *parser) doubtAll(s *side, d *proto.Data) {
	s.doubted = p.highest
	for _, id := range p.ids() {
		p.doubt(p.streams[id], d.From, d.First)
	}
}

// doubt notes that frames of st that a side sent may be lost.
func (p *parser) doubt(st *stream, from proto.Side, at time.Duration) {
	if st.ended[from] {
		return
	}
	if p.sides[from].gap {
		st.capture |= proto.Gap
	}
	st.size[from] = sizeUnknown
	st.call.Lost(from)
	if from == proto.Client {
		st.cutOff = true
		p.settle(st)
		return
	}
	if p.suspects = true; !st.suspect {
		st.suspect, st.lostAt = true, at
	}
}

// isSuspect reports whether the response of st, or the end of it, may be lost. It
// may also be among bytes in which no frame was found yet.
func (p *parser) isSuspect(st *stream, at time.Duration) bool {
	if p.sides[proto.Server].lost {
		p.doubt(st, proto.Server, at)
	}
	return st.suspect
}

// room reports whether one more stream can be followed. A server that lets only
// so many be open has ended some of the suspect ones when there are more.
func (p *parser) room() bool {
	n := uint32(len(p.streams))
	if n >= maxOpen || p.allowed > 0 && n >= p.allowed {
		p.endSuspects()
	}
	return len(p.streams) < maxOpen
}

func (p *parser) endSuspects() {
	if !p.suspects {
		return
	}
	p.suspects = false
	for _, id := range p.ids() {
		if st := p.streams[id]; st.suspect && st.x != nil {
			p.endUnknown(st)
		}
	}
}

// endUnknown ends st whose response, or the end of it, is lost. The time is a bound.
func (p *parser) endUnknown(st *stream) {
	if st.answered {
		st.capture |= proto.UnknownEnd
	} else {
		st.capture |= proto.NoResponse
	}
	st.call.Lost(proto.Client) // what was counted since may be of later
	st.call.Lost(proto.Server)
	p.finish(st, st.lostAt)
}
