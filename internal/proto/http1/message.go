package http1

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// request opens an exchange.
func (p *parser) request(s *stream, d *proto.Data, m *message) error {
	method, target, minor, ok := parseRequestLine(m.line)
	if !ok {
		return p.lose(s, d)
	}
	s.strikes, s.doubt = 0, false
	if err := p.settle(); err != nil {
		return err
	}
	m.head.Method, m.head.Target, m.head.Cut = method, target, m.cut
	m.head.Version = versions[minor-'0']
	k := m.framing.request(method, minor)
	x := p.sem.Open(&p.conn, p.peer, m.head)
	x.Start, x.Thread = d.First, d.Thread
	x.Course.RequestStart, x.Course.RequestEnd = d.FirstMoment(), d.LastMoment()
	p.open = append(p.open, x)
	if m.cut {
		k = unknown
		x.Capture |= proto.CutHead
	}
	return p.requestBody(s, x, k, &m.framing)
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
		return s.lost()
	}
	return nil
}

// answer takes the head of a response.
func (p *parser) answer(s *stream, d *proto.Data, m *message) error {
	status, minor, ok := parseStatusLine(m.line)
	if !ok || m.cut && isInterim(status) {
		return p.lose(s, d)
	}
	s.strikes, s.doubt = 0, false
	if isInterim(status) {
		s.end() // more heads follow (RFC 9110 section 15.2)
		p.streams[proto.Client].expect = false
		return nil
	}
	if p.resp != nil {
		p.endUnseen(s)
	}
	if len(p.open) == 0 {
		return p.orphan(s, d, m, status, minor)
	}
	x := p.pop()
	if status == 101 && m.framing.h2c && p.h2c != nil && len(p.open) == 0 {
		p.req = nil
		return p.h2c(p.conn, x, p.emit)
	}
	p.resp, p.loss.server, p.loss.gap = x, false, false
	p.sem.Answer(x, m.head, status)
	x.Course.ResponseStart, x.Course.ResponseEnd = d.FirstMoment(), d.LastMoment()
	p.goOn(x)
	k := m.framing.response(x.Method, status, minor)
	if m.cut {
		k = unknown
		x.Capture |= proto.CutHead
	}
	if k == none && m.framing.sized && !bodiless(status) && x.Method != "HEAD" {
		x.ResponseSize = 0
	}
	return p.responseBody(s, d, k, m.framing.length)
}

// isInterim reports whether a final response follows; 101 is final for HTTP.
func isInterim(status int) bool { return status < 200 && status != 101 }

func (p *parser) responseBody(s *stream, d *proto.Data, k kind, size uint64) error {
	s.begin(k, size)
	switch k {
	case tunneled:
		connected := p.resp.Method == "CONNECT"
		p.finish(p.resp, d.Last)
		if connected && p.tunnel != nil && !p.conn.TLS && len(p.open) == 0 {
			return p.tunnel(p.conn, p.emit)
		}
		return proto.ErrStop
	case unknown:
		p.resp.Capture |= proto.UnknownEnd
		p.finish(p.resp, d.Last)
		if p.loss.pipelined || len(p.open) > 0 {
			return proto.ErrUnpaired // more answers may follow unseen
		}
		return s.lost()
	case none:
		p.answered(p.resp, d.Last)
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
