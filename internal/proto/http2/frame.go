package http2

import (
	"encoding/binary"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const (
	preface    = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" // of the client (RFC 9113 section 3.4)
	headerSize = 9                                  // of a frame (section 4.1)

	defaultFrame = 16384     // the longest payload nobody has to announce (section 4.2)
	maxFrame     = 1<<24 - 1 // and the longest that can be
)

// A kind is the type of a frame (RFC 9113 section 6).
type kind uint8

const (
	data kind = iota
	headers
	priority
	rstStream
	settings
	pushPromise
	ping
	goAway
	windowUpdate
	continuation

	priorityUpdate kind = 0x10 // RFC 9218 section 7.1
)

// Flags of frames.
const (
	endStream  = 0x1 // DATA, HEADERS
	ack        = 0x1 // SETTINGS, PING
	endHeaders = 0x4 // HEADERS, PUSH_PROMISE, CONTINUATION
	padded     = 0x8 // DATA, HEADERS, PUSH_PROMISE
	prioritise = 0x20
)

// A header is that of a frame.
type header struct {
	length uint32 // of the payload
	kind   kind
	flags  uint8
	stream uint32 // with the reserved bit, which nobody sets
}

// parseHeader reads the header at the front of b.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < headerSize {
		return header{}, false
	}
	return header{
		length: uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]),
		kind:   kind(b[3]),
		flags:  b[4],
		stream: binary.BigEndian.Uint32(b[5:]),
	}, true
}

func (h *header) has(flag uint8) bool { return h.flags&flag != 0 }

// size is that of the whole frame.
func (h *header) size() uint64 { return headerSize + uint64(h.length) }

// A rule is what the header of a kind of frame must be like.
type rule struct {
	flags    uint8  // that may be set: others must not be (RFC 9113 section 4.1)
	stream   bool   // it is of a stream; else it must not be
	min, max uint32 // of its length
	multiple uint32 // its length is one of this
	server   bool   // only the server sends it
	client   bool   // only the client does
}

var rules = [...]rule{
	data:         {flags: endStream | padded, stream: true, max: maxFrame},
	headers:      {flags: endStream | endHeaders | padded | prioritise, stream: true, min: 1, max: maxFrame},
	priority:     {stream: true, min: 5, max: 5},
	rstStream:    {stream: true, min: 4, max: 4},
	settings:     {flags: ack, max: maxFrame, multiple: 6},
	pushPromise:  {flags: endHeaders | padded, stream: true, min: 4, max: maxFrame, server: true},
	ping:         {flags: ack, min: 8, max: 8},
	goAway:       {min: 8, max: maxFrame},
	windowUpdate: {min: 4, max: 4},
	continuation: {flags: endHeaders, stream: true, max: maxFrame},

	priorityUpdate: {min: 4, max: maxFrame, client: true},
}

// plausible reports whether h may be the header of a frame that from sends. A
// kind nobody knows may be: extensions must be ignored (RFC 9113 section 5.5).
func (h *header) plausible(from proto.Side) bool {
	if h.stream>>31 != 0 {
		return false
	}
	if !h.known() {
		return true
	}
	r := &rules[h.kind]
	switch {
	case h.flags&^r.flags != 0,
		r.stream != (h.stream != 0) && h.kind != windowUpdate,
		h.length < r.min || h.length > r.max,
		r.multiple > 0 && h.length%r.multiple != 0,
		r.server && from == proto.Client,
		r.client && from == proto.Server:
		return false
	case h.kind == settings && h.has(ack) && h.length > 0:
		return false
	}
	return true
}

// likely is plausible for bytes that may be anything: it asks for what is usual.
func (h *header) likely(from proto.Side) bool {
	switch {
	case !h.known() || !h.plausible(from):
		return false
	case h.kind == data && h.length == 0:
		return h.has(endStream)
	case h.kind == headers:
		return h.has(endHeaders) && h.stream%2 == 1
	}
	return true
}

// known reports whether there is a rule for the kind of h.
func (h *header) known() bool {
	return h.kind <= continuation || h.kind == priorityUpdate
}
