package tls

import (
	"strings"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// message takes a handshake message that is not encrypted.
func (p *parser) message(from proto.Side, kind uint8, body []byte, whole bool) {
	switch {
	case from == proto.Client:
		if kind == clientHello && !p.greeted { // the one behind a retry says the same
			p.greeted = true
			p.early = readClientHello(body, p.facts) || !whole
		}
	case kind == serverHello && !p.answered:
		p.answer(body, whole)
	case kind == serverKeyExchange && strings.Contains(p.facts.Cipher, "_ECDHE_"):
		readKeyExchange(body, p.facts)
	case kind == certificateRequest:
		p.facts.AskedClient = proto.Positive
	case kind == serverHelloDone && p.facts.AskedClient == proto.Unknown:
		p.facts.AskedClient = proto.Negative
	}
}

func (p *parser) answer(body []byte, whole bool) {
	a := readServerHello(body, whole, p.facts)
	p.answered = !a.retry
	if p.facts.Version == v13 && p.answered && (whole || a.psk) {
		p.facts.Resumed = proto.AnswerOf(a.psk)
	}
}

// ended takes the end of a record.
func (p *parser) ended(s *side, d *proto.Data) {
	switch s.kind() {
	case changeCipherSpec:
		p.change(s, d.From)
	case alert:
		p.alerted(s, d.Last)
	case handshake:
		s.finished = s.finished || s.secret && p.facts.Version != ""
		if p.sides[proto.Client].finished && p.sides[proto.Server].finished {
			p.over(d.Last, 0)
		}
	case applicationData:
		p.data(s, d)
	}
}

// change takes a ChangeCipherSpec. Until TLS 1.2 who resumes a session is told
// by the order: then the server finishes first. (In TLS 1.3 it means nothing.)
func (p *parser) change(s *side, from proto.Side) {
	s.changed = true
	client := &p.sides[proto.Client]
	if v := p.facts.Version; from == proto.Server && v != "" && v != v13 && !client.torn {
		p.facts.Resumed = proto.AnswerOf(!client.changed)
	}
}

// alerted takes an alert. Those that only warn do not end the handshake.
func (p *parser) alerted(s *side, at time.Duration) {
	switch level, description := s.alert[0], s.alert[1]; {
	case s.secret || s.size() != alertSize:
		if p.missed() { // it may belong to what follows the handshake
			p.unclear(at)
		} else {
			p.fail(at, unknownAlert)
		}
	case level != warning || description == closeNotify:
		p.fail(at, alertName(description))
	}
}

// data takes a record of application data.
func (p *parser) data(s *side, d *proto.Data) {
	version := p.facts.Version
	early := version == "" || version == v13 // before the ServerHello, or it was lost
	switch {
	case version == v13 && p.answered:
		p.encrypted(s, d)
	case d.From == proto.Server && !early, d.From == proto.Client && (p.missed() || p.answered && early):
		p.over(d.Last, proto.UnknownEnd) // data, and not all of the handshake was seen
	}
}

// encrypted takes an encrypted record of TLS 1.3. The first one of a side is of
// the handshake; none of its messages is as short as an alert.
func (p *parser) encrypted(s *side, d *proto.Data) {
	first := !s.spoke && !s.torn
	s.spoke = true
	early := p.early && p.facts.Resumed != proto.Negative // only who knows the server may
	switch {
	case first && s.size() == alertSize+1+p.tag() && (d.From == proto.Server || !early):
		p.fail(d.Last, unknownAlert)
	case d.From == proto.Server:
	case first && !early:
		p.over(d.Last, 0)
	default:
		p.over(d.Last, proto.UnknownEnd)
	}
}

// tag is the size of what authenticates a record of TLS 1.3, in bytes (RFC 8446 appendix B.4).
func (p *parser) tag() int {
	if strings.HasSuffix(p.facts.Cipher, "_CCM_8_SHA256") {
		return 8
	}
	return 16
}
