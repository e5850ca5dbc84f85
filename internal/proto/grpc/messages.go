package grpc

import "encoding/binary"

const (
	prefixSize = 5    // a byte of flags and the length of the message
	trailers   = 0x80 // the flag of gRPC-Web for a message of trailers
	compressed = 0x01
	maxText    = 64 // bytes of such a message that are kept: the status comes first
)

// messages counts the messages of one direction.
type messages struct {
	count int64
	lost  bool // the place among them is: the count is not known
	over  bool // the trailers came, which are the last

	prefix [prefixSize]byte
	have   uint8  // bytes of the prefix
	left   uint64 // of the message under way
	kept   []byte // of one of trailers
}

// take goes on over b and the hole behind it. ended reports that it saw the end
// of a message of trailers.
func (m *messages) take(b []byte, hole uint64) (ended bool) {
	for len(b) > 0 && !m.lost && !m.over {
		if m.have < prefixSize {
			n := copy(m.prefix[m.have:], b)
			b = b[n:]
			if m.have += uint8(n); m.have < prefixSize {
				break
			}
			m.begin()
		}
		n := min(m.left, uint64(len(b)))
		m.keep(b[:n])
		b = b[n:]
		ended = m.use(n) || ended
	}
	if hole == 0 || m.lost || m.over {
		return ended
	}
	if m.have < prefixSize || hole > m.left { // a prefix is in it
		m.lost = true
		return ended
	}
	m.kept = nil
	m.use(hole)
	return ended
}

// begin reads the prefix.
func (m *messages) begin() {
	if m.prefix[0]&^(trailers|compressed) != 0 {
		m.lost = true
		return
	}
	m.left = uint64(binary.BigEndian.Uint32(m.prefix[1:]))
	m.kept = m.kept[:0]
}

// use moves on in the message under way.
func (m *messages) use(n uint64) (trailer bool) {
	m.left -= n
	if m.left > 0 || m.have < prefixSize || m.lost {
		return false
	}
	m.have = 0
	if m.over = m.prefix[0]&trailers != 0; m.over {
		return true
	}
	m.count++
	return false
}

func (m *messages) keep(b []byte) {
	if m.prefix[0] == trailers && len(m.kept) < maxText {
		m.kept = append(m.kept, b[:min(len(b), maxText-len(m.kept))]...)
	}
}

// text returns what was kept of the last message.
func (m *messages) text() []byte { return m.kept }
