package http2

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/grpc"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// asked takes a header block of the client: a request, or its trailers.
func (p *parser) asked(d *proto.Data, b *block, r *reader) {
	id := b.frame.stream
	st := p.streams[id]
	if st != nil && st.x != nil {
		p.requestTrailers(st, d, b, r)
		return
	}
	if id <= p.highest { // of a stream that was over, or not followed
		r.all()
		return
	}
	h := p.sem.RequestHead()
	defer p.sem.Release(h)
	var call grpc.Call
	pseudo, empty := readRequest(h, &call, r)
	flaw := b.flaw(r, d)
	if !pseudo && flaw == 0 {
		return // trailers of a request that was not seen
	}
	if st = p.open(id, st); st == nil {
		return
	}
	h.Version, h.Cut = "2", flaw != 0
	st.x = p.sem.Open(&p.conn, p.peer, h)
	st.x.Start, st.x.Thread = b.first, b.thread
	st.x.Capture |= flaw
	st.call.Asked(&call, flaw == 0)
	if st.answered { // before its request was known
		p.sem.Answer(st.x, nil, st.status)
	}
	if empty && b.frame.has(endStream) {
		st.size[proto.Client] = 0
	}
	p.begun(st, d, b)
}

func (p *parser) requestTrailers(st *stream, d *proto.Data, b *block, r *reader) {
	r.all() // they say nothing that is wanted
	if b.cut {
		st.x.Capture |= b.flaw(r, d)
	}
	p.moved(st, d, true)
	if b.frame.has(endStream) {
		p.ends(st, d)
	}
}

// begun notes that the request of st began.
func (p *parser) begun(st *stream, d *proto.Data, b *block) {
	st.course.RequestStart = b.moment
	st.course.First, p.first = p.first, false
	p.starts(st, proto.Client)
	p.moved(st, d, true)
	switch {
	case st.reset: // before its request was known
		p.resets(st, st.endedAt, st.resetBy, st.code)
	case st.id > p.last: // sent before the client knew
		p.resets(st, d.Last, proto.Server, refusedStream)
	case b.frame.has(endStream):
		p.ends(st, d)
	default:
		p.settle(st)
	}
}

// readRequest reads the fields of a request. pseudo says that it has one of
// those that only a request has, empty that it has no body for certain.
func readRequest(h *http.Head, call *grpc.Call, r *reader) (pseudo, empty bool) {
	for f := (field{}); r.next(&f); {
		switch {
		case f.unnamed || len(f.name) == 0:
		case f.name[0] == ':':
			pseudo = requestPseudo(h, &f) || pseudo
		default:
			if h.Wants(f.name[0]) {
				h.Field(f.name, f.value)
			}
			call.Field(f.name, f.value)
			empty = empty || isEmpty(&f)
		}
	}
	return pseudo, empty
}

// requestPseudo takes a pseudo-header field of a request (RFC 9113 section 8.3.1).
func requestPseudo(h *http.Head, f *field) bool {
	switch string(f.name) {
	case ":method":
		h.Method = f.value
	case ":path":
		h.Target = f.value
	case ":scheme":
		h.Scheme = f.value
	case ":authority":
		h.Authority = f.value
	default:
		return false
	}
	return true
}

// isEmpty reports whether f says that there is no body.
func isEmpty(f *field) bool {
	return string(f.name) == "content-length" && string(f.value) == "0"
}

// answered takes a header block of the server: an interim or the final response,
// or its trailers.
func (p *parser) answered(d *proto.Data, b *block, r *reader) {
	id := b.frame.stream
	st := p.streams[id]
	if st == nil && id > p.highest {
		st = p.ahead(id)
	}
	if st == nil {
		r.all()
		p.count("response_unpaired")
		return
	}
	h := p.sem.ResponseHead()
	defer p.sem.Release(h)
	status, empty := readResponse(h, &st.call, r)
	if flaw := b.flaw(r, d); flaw != 0 {
		st.capture |= flaw
	}
	if status > 0 && status < 200 && !b.frame.has(endStream) {
		st.suspect = false
		return // interim (RFC 9110 section 15.2)
	}
	// A head whose status is not known may have been interim.
	if !st.answered || st.status == 0 && !b.frame.has(endStream) {
		st.status = status
		if st.x != nil {
			p.sem.Answer(st.x, h, status)
		}
		p.responds(st, b)
		if empty && b.frame.has(endStream) && st.mayHaveBody() {
			st.size[proto.Server] = 0
		}
	}
	p.moved(st, d, true)
	if b.frame.has(endStream) {
		p.ends(st, d)
	}
}

// responds notes that the final response of st began.
func (p *parser) responds(st *stream, b *block) {
	if st.answered {
		return
	}
	st.answered = true
	if st.own[proto.Server] > 0 {
		return // after bytes of its body: the head was lost
	}
	st.course.ResponseStart = b.moment
	p.starts(st, proto.Server)
	if !st.ended[proto.Client] {
		st.course.RequestMixed, st.course.ResponseMixed = true, true // both at once
	}
	if p.sides[proto.Client].all != st.after { // an acknowledgement may be of something else
		st.course.ResponseStart.Acked = 0
	}
}

// readResponse reads the fields of a response or of trailers; status is zero
// when it is not known.
func readResponse(h *http.Head, call *grpc.Call, r *reader) (status int, empty bool) {
	for f := (field{}); r.next(&f); {
		switch {
		case f.unnamed || len(f.name) == 0:
		case f.name[0] == ':':
			if string(f.name) == ":status" {
				status = parseStatus(f.value)
			}
		default:
			if h.Wants(f.name[0]) {
				h.Field(f.name, f.value)
			}
			call.Field(f.name, f.value)
			empty = empty || isEmpty(&f)
		}
	}
	return status, empty
}

// parseStatus reads three digits, zero if they are none.
func parseStatus(b []byte) (status int) {
	if len(b) != 3 || b[0] == '0' {
		return 0
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		status = status*10 + int(c-'0')
	}
	return status
}
