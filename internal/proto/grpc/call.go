package grpc

import (
	"bytes"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Call is what a stream shows of a call. The zero value is a stream that is
// not known to be one.
type Call struct {
	kind     kind
	timeout  time.Duration // that the request announced; zero: none
	partly   bool          // the head of the request was not seen as a whole
	status   int           // that was sent, and one; zero: none was seen
	messages [2]messages   // by who sent them
}

// A kind is a way to put calls in HTTP.
type kind uint8

const (
	other kind = iota
	native
	web
	webText // gRPC-Web whose bodies are in base64: what is in them is not read
)

// Is reports whether the stream is a call.
func (c *Call) Is() bool { return c.kind != other }

// Field takes a field of any head or of trailers.
func (c *Call) Field(name, value []byte) {
	switch string(name) {
	case "content-type":
		if k := kindOf(value); k != other {
			c.kind = k
		}
	case "grpc-status":
		c.setStatus(value)
	case "grpc-timeout":
		c.timeout = parseTimeout(value)
	}
}

// Asked takes what the request said, which may come after the response. whole
// says that all of its head was seen.
func (c *Call) Asked(request *Call, whole bool) {
	if request.kind != other {
		c.kind = request.kind
	}
	c.timeout, c.partly = request.timeout, !whole
}

// kindOf reads a content type.
func kindOf(b []byte) kind {
	rest, ok := bytes.CutPrefix(b, []byte("application/grpc"))
	if !ok {
		return other
	}
	k := native
	if after, ok := bytes.CutPrefix(rest, []byte("-web")); ok {
		k, rest = web, after
		if after, ok := bytes.CutPrefix(rest, []byte("-text")); ok {
			k, rest = webText, after
		}
	}
	if len(rest) > 0 && rest[0] != '+' && rest[0] != ';' && rest[0] != ' ' {
		return other
	}
	return k
}

// setStatus reads a decimal of at most three digits.
func (c *Call) setStatus(b []byte) {
	n := 0
	for _, d := range b {
		if d < '0' || d > '9' {
			return
		}
		n = n*10 + int(d-'0')
	}
	if len(b) > 0 && len(b) <= 3 {
		c.status = n + 1
	}
}

// parseTimeout reads a number of at most eight digits and its unit, zero when
// it is neither.
func parseTimeout(b []byte) time.Duration {
	const digits = 8
	if len(b) < 2 || len(b) > digits+1 {
		return 0
	}
	n := time.Duration(0)
	for _, d := range b[:len(b)-1] {
		if d < '0' || d > '9' {
			return 0
		}
		n = n*10 + time.Duration(d-'0')
	}
	return n * units[b[len(b)-1]]
}

// units of a timeout.
var units = [256]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// Body takes bytes of a body of that side, then a hole.
func (c *Call) Body(from proto.Side, b []byte, hole uint64) {
	m := &c.messages[from]
	switch {
	case c.kind == native || c.kind == web:
		if m.take(b, hole) {
			c.trailer(m.text())
		}
	case len(b) > 0 || hole > 0:
		m.lost = true // it may yet turn out to be a call
	}
}

// Lost says that bytes of the body of that side may be missing.
func (c *Call) Lost(from proto.Side) { c.messages[from].lost = true }

// trailer reads the trailers that gRPC-Web sends as a message.
func (c *Call) trailer(text []byte) {
	for line := range bytes.Lines(text) {
		name, value, ok := bytes.Cut(line, []byte{':'})
		if ok && bytes.EqualFold(bytes.TrimSpace(name), []byte("grpc-status")) {
			c.setStatus(bytes.TrimSpace(value))
		}
	}
}
