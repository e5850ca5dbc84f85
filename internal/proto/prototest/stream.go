package prototest

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A stream is what one side sent and the parser did not use.
type stream struct {
	pieces []piece
	lost   bool
}

type piece struct {
	bytes []byte
	hole  uint64
	lost  bool
	end   bool
	frame bool // the first byte begins a frame, by the kernel side's count
	at    time.Duration
}

func (p *piece) len() uint64 { return uint64(len(p.bytes)) + p.hole }

// take cuts n bytes off the front of p, which holds bytes or a hole, not both.
func (p *piece) take(n uint64) piece {
	n = min(n, p.len())
	front := *p
	if p.hole > 0 {
		front.hole = n
		p.hole -= n
	} else {
		front.bytes, p.bytes = p.bytes[:n], p.bytes[n:]
	}
	p.frame = false
	front.end = p.end && p.len() == 0
	return front
}

// hole reports whether one follows the contiguous bytes.
func (s *stream) hole() bool {
	for _, p := range s.pieces {
		if p.hole > 0 {
			return true
		}
	}
	return false
}

// data joins the pieces up to the first hole, or up to its end.
func (s *stream) data(from proto.Side, hole bool) *proto.Data {
	d := &proto.Data{From: from, First: s.pieces[0].at, Thread: uint32(s.pieces[0].at), Frame: s.pieces[0].frame}
	for _, p := range s.pieces {
		if p.hole > 0 {
			if hole {
				d.Hole, d.Lost, d.Last = p.hole, p.lost, p.at
			}
			break
		}
		d.Bytes = append(d.Bytes, p.bytes...)
		d.End, d.Last = p.end, p.at
	}
	return d
}

// use drops n bytes from the front.
func (s *stream) use(n uint64) {
	for n > 0 && len(s.pieces) > 0 {
		front := s.pieces[0].take(n)
		n -= front.len()
		if s.pieces[0].len() == 0 {
			s.pieces = s.pieces[1:]
		}
	}
}
