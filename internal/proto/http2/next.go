package http2

import (
	"encoding/binary"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// next reads a frame: all of one whose payload is read, the beginning of any other.
func (p *parser) next(s *side, d *proto.Data) uint64 {
	h, ok := parseHeader(d.Bytes)
	switch {
	case !ok && d.Hole == 0:
		return 0
	case !ok:
		p.lose(s, d)
		return d.Len()
	case !h.plausible(d.From) || !s.fits(&h):
		p.lose(s, d)
		return p.search(s, d)
	}
	if !isRead[h.kind&kindMask] || !h.known() {
		s.count(&h)
		s.skip(&h, uint64(h.length))
		if h.kind == data {
			s.body, s.pad = s.left, h.has(padded)
		}
		return p.payload(s, d, headerSize)
	}
	payload := d.Bytes[headerSize:]
	if whole := int(h.length); len(payload) >= whole {
		payload = payload[:whole]
	} else if d.Hole == 0 && len(payload) <= maxBlock {
		return 0
	}
	s.count(&h)
	n := min(h.size(), d.Len())
	s.skip(&h, h.size()-n)
	p.take(s, d, &h, payload)
	return n
}

// isRead says of which kinds of frames the payload is read.
var isRead = [kindMask + 1]bool{
	headers: true, rstStream: true, settings: true, pushPromise: true, goAway: true, continuation: true,
}

const kindMask = 0x1f

// count counts a frame, by what it may do to the exchanges of the connection.
func (s *side) count(h *header) {
	s.all++
	switch h.kind {
	case data, headers:
		s.own++
	case windowUpdate:
		s.updates++
	}
}

// take reads a payload, or what is there of it.
func (p *parser) take(s *side, d *proto.Data, h *header, payload []byte) {
	whole := len(payload) == int(h.length)
	if s.block != nil && h.kind != continuation {
		p.complete(s, d, s.block.cutShort()) // nothing may come between its frames (section 6.10)
		s.block = nil
	}
	switch {
	case h.kind == headers || h.kind == pushPromise:
		p.begins(s, d, h, payload)
	case h.kind == continuation:
		p.goesOn(s, d, h, payload)
	case !whole:
	case h.kind == settings:
		p.settings(d.From, h, payload)
	case h.kind == rstStream:
		p.resetFrame(d, h.stream, payload)
	case h.kind == goAway && d.From == proto.Server:
		p.goAwayFrame(d, payload)
	}
}

// Settings that matter here (RFC 9113 section 6.5.2).
const (
	maxConcurrentStreams = 0x3
	maxFrameSize         = 0x5
)

// settings takes what from announces: it binds the other side. Of the size of
// the header table the blocks themselves tell.
func (p *parser) settings(from proto.Side, h *header, payload []byte) {
	if h.has(ack) {
		return
	}
	for ; len(payload) >= 6; payload = payload[6:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch binary.BigEndian.Uint16(payload) {
		case maxConcurrentStreams:
			if from == proto.Server {
				p.allowed = value
			}
		case maxFrameSize:
			// A smaller one holds only from its acknowledgement on.
			other := &p.sides[from.Other()]
			if other.limit > 0 || value > defaultFrame {
				other.limit = max(other.limit, min(value, maxFrame))
			}
		}
	}
}
