package http2

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A side is one direction of the connection: what that side sends.
type side struct {
	begun   bool   // its first bytes were seen
	lost    bool   // its place among the frames is
	gap     bool   // by a loss
	doubted uint32 // the highest stream that may have lost something by it
	marked  bool   // the kernel side says where frames begin
	guessed bool   // its place was found by search, and is no proof
	limit   uint32 // the longest payload the other side has announced; zero: not known

	frame header // under way
	left  uint64 // bytes of its payload
	body  uint64 // of them, those of a body: the rest is padding
	pad   bool   // the next byte says how much padding there is

	block *block // of several frames, under way
	table table

	all     uint32 // frames begun
	own     uint32 // of them, those that belong to a stream's messages
	updates uint32 // and those of flow control
	last    time.Duration
}

// A block is a header block that takes more than one frame.
type block struct {
	frame header // the first
	bytes []byte
	cut   bool // the rest is missing, or is too long
	beginning
}

// A beginning is when the first byte of a message crossed the socket.
type beginning struct {
	first  time.Duration
	moment proto.Moment
	thread uint32
}

func beginningOf(d *proto.Data) beginning {
	return beginning{first: d.First, moment: d.FirstMoment(), thread: d.Thread}
}

// fits reports whether a payload is no longer than the other side allows.
func (s *side) fits(h *header) bool { return s.limit == 0 || h.length <= s.limit }

// use moves on in the payload under way.
func (s *side) skip(h *header, left uint64) {
	s.frame, s.left = *h, left
	s.body, s.pad = 0, false
}
