package dns

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// errTimeout is the error.type of a question nobody answered.
const errTimeout = "timeout"

// A builder makes the exchange at hand. Its memory is used again for the next one.
type builder struct {
	x        proto.Exchange
	resolved proto.Resolved
	answers  []string
}

func (b *builder) begin(t *table, l *lookup, at time.Duration, err string, capture proto.Capture) {
	attrs := b.x.Attrs[:0]
	attrs = append(attrs,
		proto.Str("dns.question.name", l.name).Dim(),
		proto.Str("ebpf.dns.question.type", typeName(l.kind)),
		proto.Str("network.transport", t.transport),
	)
	b.x = proto.Exchange{
		Name: spanName(l.opcode, l.kind), Side: l.side, Start: l.start, End: max(at, l.start),
		Thread: l.thread, Err: err, Capture: capture, Attrs: attrs,
	}
	if l.side == proto.Client {
		b.resolved = proto.Resolved{Name: l.name, Type: typeName(l.kind)}
		b.x.Resolved = &b.resolved
	}
	if l.resends > 0 {
		b.x.Attrs = append(b.x.Attrs, proto.Int("ebpf.dns.resend_count", l.resends))
	}
}

// answered is the exchange of l and its answer m.
func (b *builder) answered(t *table, l *lookup, m *message, at time.Duration) *proto.Exchange {
	var capture proto.Capture
	if m.cut {
		capture |= proto.CutHead
	}
	if l.shared { // the end may be another's
		capture |= proto.UnknownEnd
	}
	b.begin(t, l, at, failure(l.side, m.rcode), capture)
	b.x.Attrs = append(b.x.Attrs, proto.Str("ebpf.dns.response_code", rcodeName(m.rcode)))
	if len(m.addresses) == 0 {
		return &b.x
	}
	b.answers = b.answers[:0]
	for _, a := range m.addresses {
		b.answers = append(b.answers, a.String())
	}
	b.x.Attrs = append(b.x.Attrs, proto.List("dns.answers", b.answers))
	b.resolved.Addresses, b.resolved.TTL = m.addresses, m.ttl
	return &b.x
}

// unanswered is the exchange of l that got no answer.
func (b *builder) unanswered(t *table, l *lookup, at time.Duration, err string, capture proto.Capture) *proto.Exchange {
	b.begin(t, l, at, err, capture)
	b.resolved.GivenUp = true
	return &b.x
}

// failure is the error.type of a response code. As with the status of HTTP, a
// client failed to get what it asked for, whatever the reason; a server failed
// when the fault is its own, and not when it says that a name does not exist.
func failure(side proto.Side, rcode uint16) string {
	switch {
	case rcode == noError, side == proto.Server && rcode != servFail && rcode != notImp:
		return ""
	}
	return rcodeName(rcode)
}
