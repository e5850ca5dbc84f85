// Package postgres follows a connection of PostgreSQL until both sides have agreed
// whether it is encrypted. If it is, by TLS, the handshake follows; queries are not
// read, and a connection in cleartext is not followed any further.
//
// Source: PostgreSQL 17 documentation, sections 54.2.10 (SSL Session Encryption),
// 54.2.11 (GSSAPI Session Encryption) and 54.7 (SSLRequest, GSSENCRequest).
package postgres

import (
	"bytes"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// The requests that may come before a connection begins: their length and a number
// that is no version.
var (
	sslRequest = []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f")
	gssRequest = []byte("\x00\x00\x00\x08\x04\xd2\x16\x30")
)

const requestSize = 8

// The answers of the server, a byte each. Anything else is a refusal in words.
const (
	willing   = 'S'
	unwilling = 'N'
)

// New returns the protocol. takeover is TLS, which follows when the server agrees.
func New(takeover proto.Takeover) *proto.Protocol {
	return &proto.Protocol{
		Name:   "postgres",
		Detect: detect,
		New: func(c proto.Conn, emit func(*proto.Exchange)) proto.Parser {
			return &parser{conn: c, emit: emit, takeover: takeover}
		},
	}
}

// detect recognises a request for encryption.
func detect(client, server []byte) proto.Verdict {
	n := min(len(client), requestSize)
	switch {
	case !bytes.HasPrefix(sslRequest, client[:n]) && !bytes.HasPrefix(gssRequest, client[:n]):
		return proto.No
	case n == requestSize:
		return proto.Yes
	case len(server) > 0:
		return proto.No // the client begins
	}
	return proto.Maybe
}

// A parser follows the agreement.
type parser struct {
	conn     proto.Conn
	emit     func(*proto.Exchange)
	takeover proto.Takeover
	tls      bool // is what the client asked for
}

// Parse reads a request or an answer. Nothing can be said behind a loss.
func (p *parser) Parse(d *proto.Data) (uint64, error) {
	switch {
	case len(d.Bytes) == 0:
		return 0, proto.ErrStop
	case d.From == proto.Server:
		return p.answer(d.Bytes[0])
	}
	return p.request(d)
}

func (p *parser) request(d *proto.Data) (uint64, error) {
	n := min(len(d.Bytes), requestSize)
	p.tls = bytes.HasPrefix(sslRequest, d.Bytes[:n])
	switch {
	case !p.tls && !bytes.HasPrefix(gssRequest, d.Bytes[:n]): // it begins in cleartext
		return 0, proto.ErrStop
	case n == requestSize:
		return requestSize, nil
	case d.Hole > 0:
		return 0, proto.ErrStop
	}
	return 0, nil
}

func (p *parser) answer(b byte) (uint64, error) {
	switch {
	case b == willing && p.tls:
		return 1, p.takeover(p.conn, p.emit)
	case b == unwilling: // the client asks for something else, or goes on without
		return 1, nil
	}
	return 0, proto.ErrStop
}

// EOF does nothing.
func (p *parser) EOF(proto.Side, time.Duration) {}

// Close does nothing: no exchange is open.
func (p *parser) Close(time.Duration, string) {}
