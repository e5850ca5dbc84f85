package http1

import (
	"bytes"

	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// A kind is a way to frame a body (RFC 9112 section 6.3).
type kind int

const (
	none kind = iota
	sized
	chunked
	closing  // ends with the connection
	tunneled // the connection is no longer HTTP
	unknown
)

// A framing is what the fields of a head say of its body.
type framing struct {
	length  uint64
	sized   bool // Content-Length was seen
	broken  bool // and is malformed, or there are two that differ
	coded   bool // Transfer-Encoding was seen
	chunked bool // and its last coding is chunked
	expect  bool // Expect: 100-continue
	h2c     bool // Upgrade: h2c
}

// frames are the first letters of the fields that frame a body, or what follows
// the head: most lines need not be looked at.
var frames = [256]bool{
	'C': true, 'c': true, 'T': true, 't': true, 'E': true, 'e': true, 'U': true, 'u': true,
}

func (f *framing) field(name, value []byte) {
	switch len(name) {
	case len("content-length"):
		if http.Is(name, "content-length") {
			f.contentLength(value)
		}
	case len("transfer-encoding"):
		if http.Is(name, "transfer-encoding") {
			f.transferEncoding(value)
		}
	case len("upgrade"):
		f.h2c = f.h2c || http.Is(name, "upgrade") && http.Is(value, "h2c")
	case len("expect"):
		f.expect = f.expect || http.Is(name, "expect") && http.Is(value, "100-continue")
	}
}

// contentLength allows a list of equal numbers, as recipients may (RFC 9110
// section 8.6).
func (f *framing) contentLength(value []byte) {
	for more := true; more; {
		var v []byte
		v, value, more = bytes.Cut(value, []byte{','})
		n, ok := decimal(bytes.TrimSpace(v))
		if !ok || f.sized && n != f.length {
			f.broken = true
		}
		f.length, f.sized = n, true
	}
}

func decimal(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// transferEncoding keeps the last coding: only when it is chunked can the end
// of the body be seen (RFC 9112 section 6.1).
func (f *framing) transferEncoding(value []byte) {
	last := value[bytes.LastIndexByte(value, ',')+1:]
	last, _, _ = bytes.Cut(last, []byte{';'})
	last = bytes.TrimSpace(last)
	if http.Is(last, "identity") {
		return // the name of RFC 2616 for no coding
	}
	f.coded, f.chunked = true, http.Is(last, "chunked")
}

// request returns the body of a request. A coding in HTTP/1.0 is a fault
// (RFC 9112 section 6.1).
func (f *framing) request(method []byte, minor byte) kind {
	switch {
	case string(method) == "CONNECT":
		return tunneled
	case f.chunked && minor > '0':
		return chunked
	case f.coded, f.broken:
		return unknown
	case f.sized && f.length > 0:
		return sized
	}
	return none
}

// response returns the body of the answer to a request.
func (f *framing) response(method string, status int, minor byte) kind {
	switch {
	case status == 101, method == "CONNECT" && status/100 == 2:
		return tunneled
	case method == "HEAD", bodiless(status):
		return none
	case f.chunked && minor > '0':
		return chunked
	case f.coded:
		return closing
	case f.broken:
		return unknown
	case f.sized && f.length > 0:
		return sized
	case f.sized:
		return none
	}
	return closing
}

// bodiless reports whether a response with this status never has a body.
func bodiless(status int) bool { return status < 200 || status == 204 || status == 304 }
