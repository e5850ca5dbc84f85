package dns

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// A message is what we want to know of one.
type message struct {
	id       uint16
	response bool
	opcode   uint8
	rcode    uint16
	short    bool // TC: there is more than the answer has room for
	question
	addresses []netip.Addr  // of the answers
	ttl       time.Duration // the shortest of the answers'
	cut       bool          // its end was not seen
}

// A question is what is asked, once: nobody answers several. The zero question
// is none, as in the answer to what could not be read.
type question struct {
	name string // as asked, without the dot at the end
	fold string // in small letters: answers may spell it otherwise (RFC 4343)
	kind uint16 // QTYPE
}

// same reports whether two questions are one.
func (q *question) same(o *question) bool { return q.kind == o.kind && q.fold == o.fold }

var errQuestions = errors.New("not one question")

// read takes a message apart. cut says that b is only its front.
func (m *message) read(b []byte, cut bool) error {
	*m = message{addresses: m.addresses[:0], cut: cut}
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return err
	}
	m.id, m.response, m.opcode, m.rcode = h.ID, h.Response, uint8(h.OpCode), uint16(h.RCode)
	m.short = h.Truncated
	if err := m.readQuestion(&p); err != nil {
		return err
	}
	if !m.response {
		m.cut = false // nothing behind its question is told of it
		return nil
	}
	switch err := m.readAnswers(&p); {
	case err == nil:
		m.cut = false
	case !cut && !h.Truncated:
		return err
	}
	return nil
}

func (m *message) readQuestion(p *dnsmessage.Parser) error {
	q, err := p.Question()
	if errors.Is(err, dnsmessage.ErrSectionDone) && m.response {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := p.Question(); !errors.Is(err, dnsmessage.ErrSectionDone) {
		return errQuestions
	}
	m.name = text(q.Name.Data[:q.Name.Length])
	m.fold, m.kind = strings.ToLower(m.name), uint16(q.Type)
	return nil
}

// readAnswers reads the addresses, and behind them the rest of the response code.
func (m *message) readAnswers(p *dnsmessage.Parser) error {
	m.ttl = -1
	for {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return err
		}
		if ttl := time.Duration(h.TTL) * time.Second; m.ttl < 0 || ttl < m.ttl {
			m.ttl = ttl
		}
		if err := m.readAnswer(p, &h); err != nil {
			return err
		}
	}
	if err := p.SkipAllAuthorities(); err != nil {
		return err
	}
	return m.readExtended(p)
}

func (m *message) readAnswer(p *dnsmessage.Parser, h *dnsmessage.ResourceHeader) error {
	switch {
	case h.Class != dnsmessage.ClassINET:
	case h.Type == dnsmessage.TypeA:
		a, err := p.AResource()
		if err == nil {
			m.addresses = append(m.addresses, netip.AddrFrom4(a.A))
		}
		return err
	case h.Type == dnsmessage.TypeAAAA:
		a, err := p.AAAAResource()
		if err == nil {
			m.addresses = append(m.addresses, netip.AddrFrom16(a.AAAA))
		}
		return err
	}
	return p.SkipAnswer()
}

// readExtended finds the upper bits of the response code (RFC 6891 section 6.1.3).
func (m *message) readExtended(p *dnsmessage.Parser) error {
	for {
		h, err := p.AdditionalHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Type == dnsmessage.TypeOPT {
			m.rcode = uint16(h.ExtendedRCode(dnsmessage.RCode(m.rcode & 0xf)))
		}
		if err := p.SkipAdditional(); err != nil {
			return err
		}
	}
}

// text is a name without its last dot, written as the conventions of
// dns.question.name want it. The root is ".".
func text(name []byte) string {
	if len(name) > 1 && name[len(name)-1] == '.' {
		name = name[:len(name)-1]
	}
	for _, c := range name {
		if c < ' ' || c > '~' || c == '\\' || c == '"' {
			return escaped(name)
		}
	}
	return string(name)
}

func escaped(name []byte) string {
	var b strings.Builder
	for _, c := range name {
		switch {
		case c == '\\' || c == '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c > '~':
			b.Write([]byte{'\\', '0' + c/100, '0' + c/10%10, '0' + c%10})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
