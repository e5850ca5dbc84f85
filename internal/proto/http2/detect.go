package http2

import "github.com/edf076de/ebpfreceiver/internal/proto"

// detect knows the preface. A connection joined in mid-stream has none: then it
// wants frames from the first byte on, and the HEADERS of the side that is said to
// send them, which no other protocol has by accident.
func detect(client, server []byte) proto.Verdict {
	c, s := begins(client), frames(server, proto.Server)
	switch c {
	case proto.Yes:
		return proto.Yes
	case proto.No:
		c = frames(client, proto.Client)
	}
	switch {
	case c == proto.No || s == proto.No:
		return proto.No
	case c == proto.Yes || s == proto.Yes:
		return proto.Yes
	}
	return proto.Maybe
}

// begins judges whether b begins with the preface.
func begins(b []byte) proto.Verdict {
	n := min(len(b), len(preface))
	switch {
	case string(b[:n]) != preface[:n]:
		return proto.No
	case n < len(preface):
		return proto.Maybe
	}
	return proto.Yes
}

// frames judges whether b is frames of from, by the first HEADERS that tell.
func frames(b []byte, from proto.Side) proto.Verdict {
	for {
		h, ok := parseHeader(b)
		switch {
		case !ok && !mayBegin(b, from):
			return proto.No
		case !ok:
			return proto.Maybe
		case !h.likely(from) || h.length > defaultFrame:
			return proto.No
		case uint64(len(b)) < h.size():
			return proto.Maybe
		}
		if h.kind == headers && h.has(endHeaders) {
			if v := sender(&h, b[headerSize:h.size()], from); v != proto.Maybe {
				return v
			}
		}
		b = b[h.size():]
	}
}

// mayBegin judges a part of a header, by the rest that suits it best.
func mayBegin(b []byte, from proto.Side) bool {
	const first = 4 // bytes: length and kind
	if len(b) < first {
		return len(b) < 1 || b[0] == 0 && (len(b) < 2 || b[1] <= defaultFrame>>8)
	}
	for _, rest := range [...]string{
		"\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x01", "\x01\x00\x00\x00\x01", "\x04\x00\x00\x00\x01",
	} {
		h, _ := parseHeader(append(b[:len(b):len(b)], rest[len(b)-first:]...))
		if h.likely(from) && h.length <= defaultFrame {
			return true
		}
	}
	return false
}

// sender judges by the first field who sent a header block: a request begins
// with one of its pseudo-header fields, a response with its status (RFC 9113
// section 8.3). The whole block must be one.
func sender(h *header, payload []byte, from proto.Side) proto.Verdict {
	part, bad := fragment(h, payload)
	r := reader{table: new(table), rest: part}
	f := field{}
	if bad || !r.next(&f) {
		return proto.No
	}
	first := string(f.name)
	r.all()
	switch {
	case r.broken:
		return proto.No
	case first == ":method", first == ":path", first == ":scheme", first == ":authority":
		return is(from, proto.Client)
	case first == ":status":
		return is(from, proto.Server)
	case first == "", h.has(endStream):
		return proto.Maybe // a reference into a table that was not seen, or trailers
	}
	return proto.No
}

func is(side, want proto.Side) proto.Verdict {
	if side == want {
		return proto.Yes
	}
	return proto.No
}
