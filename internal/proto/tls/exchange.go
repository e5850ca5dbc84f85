package tls

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// over ends a handshake that went well.
func (p *parser) over(at time.Duration, capture proto.Capture) {
	p.facts.Established = true
	if capture&proto.UnknownEnd == 0 {
		p.facts.End = at
	}
	p.end(at, "", capture)
	p.done = proto.ErrCarry
}

// fail ends one that did not.
func (p *parser) fail(at time.Duration, err string) {
	p.facts.End = at
	p.end(at, err, 0)
	p.done = proto.ErrStop
}

// unclear ends one of which it is not known how it went.
func (p *parser) unclear(at time.Duration) {
	p.end(at, "", proto.Gap|proto.UnknownEnd)
	p.done = proto.ErrCarry
}

// foreign ends a handshake when what comes is no record.
func (p *parser) foreign(at time.Duration) {
	if p.missed() { // a record may not begin there
		p.unclear(at)
	} else {
		p.fail(at, notTLS)
	}
}

// end emits the exchange.
func (p *parser) end(at time.Duration, err string, capture proto.Capture) {
	for i := range p.sides {
		p.sides[i].body = nil
	}
	x := proto.Exchange{
		Name: "TLS handshake", Side: p.conn.Side, Start: p.facts.Start, End: max(at, p.facts.Start),
		Err: err, Thread: p.thread, Capture: capture, TLS: p.facts, MetricOnly: true,
		Attrs: p.facts.Dims(make([]proto.Attr, 0, 4)),
	}
	role, port := "client", p.conn.Remote.Port()
	if p.conn.Side == proto.Server {
		role, port = "server", p.conn.Local.Port()
	}
	x.Attrs = append(x.Attrs, proto.Str("ebpf.connection.role", role).Dim(), proto.Int("server.port", int64(port)).Dim())
	p.emit(&x)
}
