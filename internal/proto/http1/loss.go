package http1

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// What is known after a loss:
//
// A hole where a response should begin may hold the answers of the open
// requests. The next request proves that they were answered, but not how: they
// end as NoResponse when the hole began. Until then a response at the beginning
// of a message is theirs.
//
// A hole where a request should begin may hold requests. Responses that find no
// request open are skipped; the next request is paired again, because it came
// after the other side's bytes.
//
// When both may be lost, a response may answer a request nobody saw: the open
// requests end as unknown at once.
//
// All this holds only while requests and responses alternate. On a connection
// that was seen pipelining, or with more than one request open, nothing proves
// which response belongs to which request: parsing stops.
type loss struct {
	server    bool          // the answers of open requests may be lost
	at        time.Duration // since when
	gap       bool          // to a loss, not to thrift
	client    bool          // requests may be lost
	pipelined bool          // a request was sent before the response ahead of it
	early     early
}

// early is a response that came before its request was known: records of the
// two directions can cross on their way from the kernel.
type early struct {
	status      int
	first, last time.Duration
}

// maxStrikes is how often in a row a direction may disappoint.
const maxStrikes = 8

// lose gives up: no message is where one should begin.
func (p *parser) lose(s *stream, d *proto.Data) error {
	if s.strikes++; s.strikes > maxStrikes {
		return errNotHTTP
	}
	p.loss.gap = p.loss.gap || d.Lost
	if p.streams[proto.Client].state == tunnel {
		return proto.ErrStop // or it was refused: nobody can tell
	}
	if p.loss.pipelined || len(p.open) > 1 {
		return proto.ErrUnpaired
	}
	if d.From == proto.Client {
		p.loss.client = true
	} else {
		p.loseAnswer(d)
	}
	if p.loss.client && p.loss.server {
		p.endLost()
	}
	return s.lost()
}

// loseAnswer notes that a response may be lost. If a body waits for a 100 it may
// never come.
func (p *parser) loseAnswer(d *proto.Data) {
	if !p.loss.server {
		p.loss.server, p.loss.at = true, d.First
	}
	if p.req != nil {
		p.streams[proto.Client].may = true
	}
}

// settle draws the conclusions of a new request.
func (p *parser) settle() error {
	server := &p.streams[proto.Server]
	if p.resp != nil {
		if server.state == blind {
			p.endUnseen(server)
		}
		server.may = true
	}
	p.endLost()
	if p.loss.client && len(p.open) > 0 {
		return proto.ErrUnpaired // there may be requests between those and this
	}
	p.loss.client = false
	if len(p.open) == maxOpen {
		return errDepth
	}
	return nil
}

// endLost ends the requests whose answers are lost.
func (p *parser) endLost() {
	for p.loss.server && len(p.open) > 0 && p.open[0].Start <= p.loss.at {
		p.endUnknown(p.pop(), p.loss.at)
	}
	p.loss.server, p.loss.gap = false, false
}

// endUnknown ends x without a response. at is a bound.
func (p *parser) endUnknown(x *http.Exchange, at time.Duration) {
	x.Capture |= proto.NoResponse
	if p.loss.gap {
		x.Capture |= proto.Gap
	}
	p.finish(x, at)
}

// endUnseen ends the response under way with the last byte that was seen.
func (p *parser) endUnseen(s *stream) {
	p.resp.Capture |= proto.UnknownEnd
	p.finish(p.resp, s.last)
}

// answered ends x, whose response is complete.
func (p *parser) answered(x *http.Exchange, at time.Duration) {
	if len(p.open) > 0 && p.open[0].Start < at {
		p.loss.pipelined = true
	}
	p.finish(x, at)
}

// orphan skips a response without a request. It can be skipped only if it has
// no body whatever the request was: the response to a HEAD looks like any other.
func (p *parser) orphan(s *stream, d *proto.Data, m *message, status int, minor byte) error {
	s.end()
	p.loss.early = early{status, d.First, d.Last}
	k := m.framing.response("", status, minor)
	switch {
	case k == tunneled:
		return proto.ErrStop
	case m.cut, k != none:
		return s.lost()
	}
	return nil
}

// late ends a request that was sent before a response that was skipped: it was
// its answer. Nothing but the status is known of it.
func (p *parser) late(x *http.Exchange) {
	e := p.loss.early
	p.loss.early = early{}
	if e.status == 0 || x.Start >= e.first || len(p.open) != 1 {
		return
	}
	p.pop()
	p.sem.Answer(x, nil, e.status)
	x.Capture |= proto.UnknownEnd
	p.finish(x, e.last)
}
