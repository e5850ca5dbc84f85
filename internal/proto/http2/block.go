package http2

import (
	"bytes"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// maxBlock is the longest header block. Servers commonly stop at 8 to 32 KiB.
const maxBlock = 64 << 10

// begins takes the first frame of a header block, or what there is of it.
func (p *parser) begins(s *side, d *proto.Data, h *header, payload []byte) {
	part, bad := fragment(h, payload)
	cut := bad || len(payload) < int(h.length)
	b := block{frame: *h, bytes: part, cut: cut, beginning: beginningOf(d)}
	if h.has(endHeaders) || cut {
		p.complete(s, d, &b)
		return
	}
	kept := b
	kept.bytes = bytes.Clone(part)
	s.block = &kept
}

// goesOn takes a CONTINUATION.
func (p *parser) goesOn(s *side, d *proto.Data, h *header, payload []byte) {
	b := s.block
	if b == nil || b.frame.stream != h.stream {
		s.table.forget() // the beginning of the block was not seen
		return
	}
	b.cut = len(payload) < int(h.length) || len(b.bytes)+len(payload) > maxBlock
	b.bytes = append(b.bytes, payload[:min(len(payload), maxBlock-len(b.bytes))]...)
	if h.has(endHeaders) || b.cut {
		s.block = nil
		p.complete(s, d, b)
	}
}

// cutShort says that the rest of the block will not come.
func (b *block) cutShort() *block {
	b.cut = true
	return b
}

// fragment returns the part of a header block in the payload of HEADERS or
// PUSH_PROMISE (RFC 9113 sections 6.2 and 6.6). bad says that there is none.
func fragment(h *header, payload []byte) (part []byte, bad bool) {
	from, end := 0, int(h.length)
	if h.has(padded) {
		if len(payload) == 0 {
			return nil, true
		}
		from, end = 1, end-int(payload[0])
	}
	if h.kind == headers && h.has(prioritise) {
		from += 5
	}
	if h.kind == pushPromise {
		from += 4
	}
	end = min(end, len(payload))
	if from > end {
		return nil, true
	}
	return payload[from:end], false
}

// complete reads a header block.
func (p *parser) complete(s *side, d *proto.Data, b *block) {
	s.table.tidy()
	r := p.readers.Get().(*reader)
	r.begin(&s.table, b.bytes)
	switch {
	case b.frame.kind == pushPromise || b.frame.stream%2 == 0:
		r.all() // a pushed response: nobody asked
	case d.From == proto.Client:
		p.asked(d, b, r)
	default:
		p.answered(d, b, r)
	}
	if r.broken || b.cut {
		s.table.forget() // what it inserts is not known
	}
	r.begin(nil, nil)
	p.readers.Put(r)
}

// all reads a block for the sake of the table.
func (r *reader) all() {
	for f := (field{}); r.next(&f); {
	}
}

// flaw says what of the block was not seen.
func (b *block) flaw(r *reader, d *proto.Data) (c proto.Capture) {
	if r.unknown {
		c |= proto.UnknownTable
	}
	switch {
	case b.cut && d.Hole > 0 && d.Lost:
		c |= proto.Gap | proto.CutHead
	case b.cut || r.broken:
		c |= proto.CutHead
	}
	return c
}
