package tls

import "encoding/binary"

// The types of records (RFC 8446 section 5.1).
const (
	changeCipherSpec = 20
	alert            = 21
	handshake        = 22
	applicationData  = 23
	heartbeat        = 24 // RFC 6520
)

// The header of a record: type, version, length.
const (
	headerSize  = 5
	major       = 3
	maxMinor    = 4
	maxFragment = 1<<14 + 2048 // RFC 5246 section 6.2.3
)

func known(kind uint8) bool          { return kind >= changeCipherSpec && kind <= heartbeat }
func plausible(fragment uint16) bool { return fragment > 0 && fragment <= maxFragment }

// A record is the one at hand of one direction.
type record struct {
	header [headerSize]byte
	have   int // bytes of the header that came
	left   int // bytes of the fragment that did not; 0: the header is not complete
	secret bool
}

func (r *record) kind() uint8 { return r.header[0] }
func (r *record) size() int   { return int(binary.BigEndian.Uint16(r.header[3:])) }

// fill takes bytes of the header from b and returns how many. It is complete
// when left is set; ok is false when it is none.
func (r *record) fill(b []byte) (n int, ok bool) {
	n = copy(r.header[r.have:], b)
	r.have += n
	if r.have < headerSize {
		return n, true
	}
	r.have = 0
	size := r.header[3:]
	if !known(r.kind()) || r.header[1] != major || r.header[2] > maxMinor || !plausible(binary.BigEndian.Uint16(size)) {
		return n, false
	}
	r.left = r.size()
	return n, true
}
