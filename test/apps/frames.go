package apps

import (
	"encoding/binary"
	"math/rand/v2"
)

// A FrameStream is what one side of a conversation in HTTP/2 sends: the bytes of
// frames that mean nothing, the client's behind its preface.
type FrameStream struct {
	Bytes  []byte
	Frames []Frame
	Rounds []int // where each round ends, in Bytes
}

// A Frame is one of a FrameStream.
type Frame struct {
	Offset int // of its header
	Length int // of its payload
	Type   byte
}

// The types of frames (RFC 9113 section 6), as far as a test names them.
const (
	FrameData     = 0
	FrameSettings = 4
)

// FrameHeader is how many bytes stand before a payload.
const FrameHeader = 9

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Frames returns what a side sends in a number of rounds. It is always the same
// for a seed, so that a sender, a receiver and a test have it without being told.
func Frames(seed uint64, client bool, rounds, each int) *FrameStream {
	side := uint64(0)
	s := &FrameStream{}
	if client {
		side = 1
		s.Bytes = append(s.Bytes, preface...)
	}
	r := rand.New(rand.NewPCG(seed, side))
	s.add(r, FrameSettings, 6*(1+r.IntN(5)))
	for range rounds {
		for range each {
			kind, length := anyFrame(r)
			s.add(r, kind, length)
		}
		s.Rounds = append(s.Rounds, len(s.Bytes))
	}
	return s
}

// anyFrame returns a type and a length that fits it.
func anyFrame(r *rand.Rand) (kind byte, length int) {
	kind = byte(r.IntN(11)) // 10 is an extension's
	switch kind {
	case 0, 1, 9, 10:
		switch r.IntN(4) {
		case 0:
			return kind, 256 + r.IntN(3) - 1
		case 1:
			return kind, r.IntN(20_000)
		}
		return kind, r.IntN(60)
	case 2:
		return kind, 5
	case 3, 8:
		return kind, 4
	case FrameSettings:
		return kind, 6 * r.IntN(4)
	case 6:
		return kind, 8
	}
	return kind, 8 + r.IntN(40)
}

// add appends a frame. Its payload looks like the headers of frames, now and then.
func (s *FrameStream) add(r *rand.Rand, kind byte, length int) {
	s.Frames = append(s.Frames, Frame{len(s.Bytes), length, kind})
	s.Bytes = appendHeader(s.Bytes, r, kind, length)
	end := len(s.Bytes) + length
	for len(s.Bytes) < end {
		if r.IntN(2) == 0 {
			s.Bytes = appendHeader(s.Bytes, r, byte(r.IntN(10)), r.IntN(40))
		}
		s.Bytes = binary.BigEndian.AppendUint64(s.Bytes, r.Uint64())
	}
	s.Bytes = s.Bytes[:end]
}

func appendHeader(b []byte, r *rand.Rand, kind byte, length int) []byte {
	stream := uint32(0)
	if kind != FrameSettings && kind != 6 && kind != 7 {
		stream = 1 + 2*uint32(r.IntN(1000))
	}
	b = append(b, byte(length>>16), byte(length>>8), byte(length), kind, 0)
	return binary.BigEndian.AppendUint32(b, stream)
}
