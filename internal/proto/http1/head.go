package http1

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// head waits for a whole head, or takes what there is of one before a hole.
func (p *parser) head(s *stream, d *proto.Data) (uint64, error) {
	if n := len(d.Bytes) - len(skipBreaks(d.Bytes)); n > 0 {
		return uint64(n), nil
	}
	if begins(d.From, d.Bytes) == proto.No || len(d.Bytes) == 0 {
		return 0, p.lose(s, d)
	}
	end := headEnd(d.Bytes, s.scanned)
	switch {
	case end > maxHead, end == 0 && len(d.Bytes) > maxHead:
		return 0, errHead
	case end > 0:
		return uint64(end), p.message(s, d, d.Bytes[:end], false)
	case d.Hole > 0:
		return d.Len(), p.message(s, d, d.Bytes, true)
	}
	s.scanned = len(d.Bytes)
	return 0, nil
}

// message reads a head; cut says that its end is missing.
func (p *parser) message(s *stream, d *proto.Data, b []byte, cut bool) error {
	line, fields, ok := cutLine(b)
	if !ok {
		return p.lose(s, d)
	}
	if d.From == proto.Client {
		s.strikes = 0
		return p.request(s, d, line, fields, cut)
	}
	status, minor, ok := parseStatusLine(line)
	if !ok || cut && isInterim(status) {
		return p.lose(s, d)
	}
	s.strikes = 0
	if isInterim(status) {
		s.end() // more heads follow (RFC 9110 section 15.2)
		p.streams[proto.Client].expect = false
		return nil
	}
	if p.resp != nil {
		p.endUnseen(s)
	}
	if len(p.open) == 0 {
		return p.orphan(s, d, status, minor, fields, cut)
	}
	return p.response(s, d, status, minor, fields, cut)
}

// isInterim reports whether a final response follows; 101 is final for HTTP.
func isInterim(status int) bool { return status < 200 && status != 101 }

// request opens an exchange.
func (p *parser) request(s *stream, d *proto.Data, line, fields []byte, cut bool) error {
	if err := p.settle(); err != nil {
		return err
	}
	h := p.sem.RequestHead()
	var minor byte
	h.Method, h.Target, minor = parseRequestLine(line)
	h.Version = versions[minor-'0']
	var f framing
	for name, value, rest, ok := cutField(fields); ok; name, value, rest, ok = cutField(rest) {
		f.field(name, value)
		h.RequestField(name, value)
	}
	k := f.request(h.Method, minor)
	x := p.sem.Open(&p.conn, p.peer, h)
	p.sem.Release(h)
	x.Start, x.Thread = d.First, d.Thread
	p.open = append(p.open, x)
	if cut {
		k = unknown
		x.Capture |= proto.CutHead
	}
	return p.requestBody(s, x, k, &f)
}

var versions = [2]string{"1.0", "1.1"}

func (p *parser) requestBody(s *stream, x *http.Exchange, k kind, f *framing) error {
	s.begin(k, f.length)
	s.expect = f.expect
	if k == sized || k == chunked {
		p.req = x
	}
	if k == none && f.sized {
		x.RequestSize = 0
	}
	p.late(x)
	if k == unknown {
		p.loss.client = true
		return proto.ErrLost
	}
	return nil
}

// response answers the oldest open request.
func (p *parser) response(s *stream, d *proto.Data, status int, minor byte, fields []byte, cut bool) error {
	x := p.pop()
	p.resp, p.loss.server, p.loss.gap = x, false, false
	h := p.sem.ResponseHead()
	var f framing
	for name, value, rest, ok := cutField(fields); ok; name, value, rest, ok = cutField(rest) {
		f.field(name, value)
		h.ResponseField(name, value)
	}
	p.sem.Answer(x, h, status)
	p.sem.Release(h)
	p.goOn(x)
	k := f.response(x.Method, status, minor)
	if cut {
		k = unknown
		x.Capture |= proto.CutHead
	}
	s.begin(k, f.length)
	switch k {
	case tunneled:
		p.finish(x, d.Last)
		return proto.ErrStop
	case unknown:
		x.Capture |= proto.UnknownEnd
		p.finish(x, d.Last)
		return proto.ErrLost
	case none:
		if f.sized && !bodiless(status) && x.Method != "HEAD" {
			x.ResponseSize = 0
		}
		p.answered(x, d.Last)
	}
	return nil
}

// goOn tells the client's stream that x has its final answer: if the body of x
// is still under way its end may never be seen, or it may never come.
func (p *parser) goOn(x *http.Exchange) {
	s := &p.streams[proto.Client]
	if s.state == tunnel {
		s.end() // a refused CONNECT
	}
	if p.req == x {
		s.may = true
	}
}
