package http2

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// resetFrame takes RST_STREAM (RFC 9113 section 6.4).
func (p *parser) resetFrame(d *proto.Data, id uint32, payload []byte) {
	st := p.streams[id]
	if st == nil && d.From == proto.Server && id > p.highest {
		st = p.ahead(id)
	}
	if st != nil {
		p.resets(st, d.Last, d.From, binary.BigEndian.Uint32(payload))
	}
}

// resets ends st before its time. A reset behind a complete response is none:
// the server wants no more of the request (RFC 9113 section 8.1).
func (p *parser) resets(st *stream, at time.Duration, by proto.Side, code uint32) {
	if st.ended[proto.Server] && st.x != nil {
		p.finish(st, max(at, st.endedAt))
		return
	}
	if st.x != nil && p.isSuspect(st, at) && st.mayHaveEnded(by, code) {
		p.endUnknown(st)
		return
	}
	st.reset, st.resetBy, st.code, st.endedAt, st.suspect = true, by, code, at, false
	if st.x == nil {
		return // its request will come
	}
	if st.x.Err == "" {
		st.x.Err = codeName(code)
	}
	p.finish(st, at)
}

// mayHaveEnded reports whether a reset may be one behind a complete response: then the server has no error, or the client had more to send.
func (st *stream) mayHaveEnded(by proto.Side, code uint32) bool {
	return by == proto.Server && code == 0 || by == proto.Client && !st.ended[proto.Client]
}

// goAwayFrame takes GOAWAY of the server: it did not and will not process the
// streams above the last one (RFC 9113 section 6.8).
func (p *parser) goAwayFrame(d *proto.Data, payload []byte) {
	p.last = binary.BigEndian.Uint32(payload) &^ (1 << 31)
	for _, id := range p.ids() {
		if st := p.streams[id]; id > p.last && !st.answered && st.x != nil {
			p.resets(st, d.Last, proto.Server, refusedStream)
		}
	}
}

// ids returns the streams, the oldest first.
func (p *parser) ids() []uint32 { return slices.Sorted(maps.Keys(p.streams)) }

// EOF ends what the server left open; a client that sends no more still gets answers.
func (p *parser) EOF(from proto.Side, at time.Duration) {
	if from == proto.Server {
		p.Close(at, proto.ReasonClosed)
	}
}

// Close ends the open exchanges, the oldest first.
func (p *parser) Close(at time.Duration, reason string) {
	for _, id := range p.ids() {
		switch st := p.streams[id]; {
		case st.x == nil:
			p.drop(st)
			p.count("response_unpaired")
		case st.ended[proto.Server]:
			p.finish(st, st.endedAt)
		case p.isSuspect(st, at):
			p.endUnknown(st)
		default:
			st.x.Err = reason
			p.finish(st, at)
		}
	}
	p.early = nil
}

const refusedStream = 0x7

// codeNames are the error codes (RFC 9113 section 7).
var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
	"STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
	"CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// codeName is the error.type of a reset. Anybody can send any code: one without
// a name is no value of a metric.
func codeName(code uint32) string {
	if code < uint32(len(codeNames)) {
		return codeNames[code]
	}
	return "_OTHER"
}
