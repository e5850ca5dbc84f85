package http1

import (
	"bytes"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const (
	maxMethod = 32      // the longest registered one has 17 bytes
	maxTarget = 8 << 10 // before a connection is taken for HTTP; RFC 9112 section 3 asks for 8000
)

// detect trusts a response most: no other protocol answers "HTTP/1.1 ". A
// request is as good, as long as the server does not answer something else.
func detect(client, server []byte) proto.Verdict {
	c, s := requestLine(client, maxTarget), statusLine(server)
	switch {
	case isHTTP2(client):
		return proto.No
	case s == proto.Yes:
		return proto.Yes
	case c == proto.No || s == proto.No:
		return proto.No
	}
	return c
}

// isHTTP2 knows the preface of HTTP/2, which looks like a request on purpose
// (RFC 9113 section 3.4).
func isHTTP2(b []byte) bool { return bytes.HasPrefix(b, []byte("PRI * HTTP/2")) }

// requestLine judges the beginning of a request: a method, a target of at most
// limit bytes and a version, one space between them (RFC 9112 section 3).
func requestLine(b []byte, limit int) proto.Verdict {
	b = skipBreaks(b)
	i := 0
	for i < len(b) && isToken[b[i]] {
		i++
	}
	if i > maxMethod {
		return proto.No
	}
	if i == len(b) {
		return proto.Maybe
	}
	if i == 0 || b[i] != ' ' {
		return proto.No
	}
	return targetAndVersion(b[i+1:], limit)
}

func targetAndVersion(b []byte, limit int) proto.Verdict {
	n := 0
	for n < len(b) && b[n] > ' ' && b[n] != 0x7f {
		n++
	}
	switch {
	case n > limit:
		return proto.No
	case n == len(b):
		return proto.Maybe
	case n == 0 || b[n] != ' ':
		return proto.No
	}
	return version(b[n+1:], "\r\n")
}

// statusLine judges the beginning of a response (RFC 9112 section 4).
func statusLine(b []byte) proto.Verdict { return version(skipBreaks(b), " ") }

// version judges "HTTP/1.0" or "HTTP/1.1" and the byte behind it.
func version(b []byte, behind string) proto.Verdict {
	const want = "HTTP/1."
	n := min(len(b), len(want))
	if string(b[:n]) != want[:n] {
		return proto.No
	}
	if len(b) > n && b[n] != '0' && b[n] != '1' {
		return proto.No
	}
	if len(b) < len(want)+2 {
		return proto.Maybe
	}
	if bytes.IndexByte([]byte(behind), b[n+1]) < 0 {
		return proto.No
	}
	return proto.Yes
}

// skipBreaks skips the empty lines some clients send behind a body (RFC 9112
// section 2.2).
func skipBreaks(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// isToken are the bytes of a method and of a field name (RFC 9110 section 5.6.2).
var isToken = func() (t [256]bool) {
	for c := '0'; c <= 'z'; c++ {
		t[c] = c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()
