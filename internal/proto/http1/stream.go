package http1

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A stream is one direction of the connection.
type stream struct {
	state   state
	may     bool   // the other side went on: a call may begin the next message
	expect  bool   // the body may never come (Expect: 100-continue)
	fresh   bool   // the last byte used ended a call
	tail    tail   // while blind: how much of an end was seen
	doubt   bool   // the framing was lost: what comes may be no message
	strikes uint8  // times in a row that no message was where one should begin
	scanned int    // bytes of the waiting head that were searched for its end
	left    uint64 // of the body or of the chunk
	size    int64  // of the body, as far as it is known; negative when it is not
	last    time.Duration
}

// A state says what comes next.
type state uint8

const (
	head      state = iota // a request or a response
	length                 // a body of left bytes
	chunkSize              // the line before a chunk
	chunkData              // left bytes of a chunk and its line end
	trailers               // the fields behind the last chunk
	blind                  // a chunked body whose framing was not seen
	untilEOF               // a body that the end of the connection ends
	tunnel                 // what follows a CONNECT, until its answer is known
)

// begin sets what follows a head.
func (s *stream) begin(k kind, size uint64) {
	s.end()
	s.size = 0
	switch k {
	case sized:
		s.state, s.left, s.size = length, size, int64(size)
	case chunked:
		s.state = chunkSize
	case closing:
		s.state = untilEOF
	case tunneled:
		s.state = tunnel
	}
}

// end makes the next byte that of a head.
func (s *stream) end() { s.state, s.may, s.expect, s.scanned = head, false, false, 0 }

// lost asks for the next beginning of a message.
func (s *stream) lost() error {
	s.end()
	s.doubt = true
	return proto.ErrLost
}

// mayBegin reports whether a message may begin inside of what is taken for a
// body: one whose end may have passed unseen, or one that may never have begun.
func (s *stream) mayBegin() bool {
	return s.may && s.fresh && (s.state == blind || s.expect && s.untouched())
}

// untouched reports whether no byte of the body was seen.
func (s *stream) untouched() bool {
	return s.state == length && s.left == uint64(s.size) || s.state == chunkSize && s.size == 0
}

// goBlind gives up the framing of a chunked body.
func (s *stream) goBlind() { s.state, s.size, s.tail = blind, -1, lineStart }
