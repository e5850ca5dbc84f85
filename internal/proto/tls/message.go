package tls

// The types of handshake messages that are of interest (RFC 8446 section 4, RFC 5246 section 7.4).
const (
	clientHello        = 1
	serverHello        = 2
	serverKeyExchange  = 12
	certificateRequest = 13
	serverHelloDone    = 14
)

const (
	messageHeader = 4     // type, length
	maxHello      = 16384 // of a hello that is kept; OpenSSL and Go refuse longer ones
)

// A messages joins the handshake messages of one direction: records cut them
// anywhere, and hold several.
type messages struct {
	// take takes a message: its type and, if it is kept, its body, whole or the
	// first bytes of it.
	take func(kind uint8, body []byte, whole bool)

	header [messageHeader]byte
	have   int
	left   int    // bytes of the message that did not come
	body   []byte // those that did, of a message that is kept
	blind  bool   // it is not known where messages begin
	cut    bool   // one that is needed was not whole
}

// kept reports whether the body of the message at hand is needed.
func (m *messages) kept() bool {
	switch m.header[0] {
	case clientHello, serverHello, serverKeyExchange:
		return true
	}
	return false
}

// read takes bytes of a record's fragment.
func (m *messages) read(b []byte) {
	for len(b) > 0 && !m.blind {
		if m.have < messageHeader {
			n := copy(m.header[m.have:], b)
			m.have += n
			b = b[n:]
			if m.have < messageHeader {
				return
			}
			m.left = int(m.header[1])<<16 | int(m.header[2])<<8 | int(m.header[3])
		}
		n := min(m.left, len(b))
		if room := maxHello - len(m.body); m.kept() {
			m.body = append(m.body, b[:min(n, room)]...)
		}
		m.left -= n
		b = b[n:]
		if m.left == 0 {
			m.take(m.header[0], m.body, len(m.body) < maxHello)
			m.have, m.body = 0, nil
		}
	}
}

// skip takes a hole of n bytes in a record's fragment.
func (m *messages) skip(n int) {
	if n == 0 || m.blind {
		return
	}
	if m.have == messageHeader { // the message at hand is cut; its end is not lost
		m.cut = m.cut || m.kept()
		m.take(m.header[0], m.body, false)
		m.header[0], m.body = 0, nil
	}
	m.left -= n
	switch {
	case m.have < messageHeader, m.left < 0:
		m.blind = true
	case m.left == 0:
		m.have = 0
	}
}
