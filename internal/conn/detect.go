package conn

import (
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const (
	maxDetect = 4096 // bytes of one direction kept while no protocol is recognised
	maxMisses = 8    // messages of a connection joined in mid-stream that may be none's
)

// detect looks for the protocol in what both directions have sent.
func (t *Tracker) detect(c *tracked) (*proto.Protocol, proto.Side, proto.Verdict) {
	verdict := proto.No
	for _, p := range t.cfg.Protocols {
		for _, side := range sides(c.role) {
			client, server := c.streams[tx].buf, c.streams[rx].buf
			if side == proto.Server {
				client, server = server, client
			}
			switch p.Detect(client, server) {
			case proto.Yes:
				return p, side, proto.Yes
			case proto.Maybe:
				verdict = proto.Maybe
			}
		}
	}
	return nil, 0, verdict
}

var (
	onlyClient = []proto.Side{proto.Client}
	onlyServer = []proto.Side{proto.Server}
	eitherSide = []proto.Side{proto.Server, proto.Client}
)

// sides lists which sides the process may be on: who connects is the client.
func sides(role uint8) []proto.Side {
	switch role {
	case event.RoleActive:
		return onlyClient
	case event.RolePassive:
		return onlyServer
	}
	return eitherSide
}

// connected says whether who has a role connected.
func connected(role uint8) proto.Answer {
	if role == event.RoleUnknown {
		return proto.Unknown
	}
	return proto.AnswerOf(role == event.RoleActive)
}

// unrecognised takes a piece of a connection whose protocol is not known.
func (t *Tracker) unrecognised(c *tracked, dir int, p *piece) {
	s := &c.streams[dir]
	if s.idle || len(p.bytes) == 0 && len(s.buf) == 0 {
		return
	}
	s.append(p)
	found, side, verdict := t.detect(c)
	switch {
	case verdict == proto.Yes:
		t.recognised(c, found, side, dir, p)
	case verdict == proto.No || p.hole > 0 || len(s.buf) > maxDetect:
		t.missed(c)
	}
}

// missed gives up on a connection, or, if it was joined in mid-stream, on the
// message at hand: it may be the middle of one.
func (t *Tracker) missed(c *tracked) {
	c.misses++
	if !c.joined || c.misses >= maxMisses {
		t.forget(c)
		return
	}
	for i := range c.streams {
		c.streams[i].clear()
		c.streams[i].idle = true
	}
}

// nameOfPeer is the name by which a client asked for the peer: in the handshake,
// or when it looked the address up.
func (c *tracked) nameOfPeer(side proto.Side) string {
	if c.TLS != nil && side == proto.Client && c.TLS.ServerName != "" {
		return c.TLS.ServerName
	}
	return c.peerName
}

// recognised makes the parser and gives it what was kept, the client's first.
func (t *Tracker) recognised(c *tracked, found *proto.Protocol, side proto.Side, dir int, p *piece) {
	c.Protocol, c.side = found, side
	t.learn(c)
	if t.cfg.Recognised != nil {
		t.cfg.Recognised(&c.Conn)
	}
	c.parser = found.New(proto.Conn{
		Side: side, Local: c.Local, Remote: c.Remote, PeerName: c.nameOfPeer(side), TLS: c.Carrier != 0,
		Lose: func(reason string) { t.lose(reason, c.name()) },
	}, func(x *proto.Exchange) { t.emit(c, x) })
	p.bytes = nil // they are kept already
	client := tx
	if side == proto.Server {
		client = rx
	}
	if s := &c.streams[client]; found.Frames && (c.joined || s.next > uint64(len(s.buf))) { // its preface went unseen
		t.cfg.Verdict(c.ID, event.Frames)
	}
	for _, d := range []int{client, 1 - client} {
		q := piece{first: p.first, last: p.last, thread: p.thread, front: p.front, back: p.back}
		if d == dir {
			q = *p
		}
		if len(c.streams[d].buf) > 0 || q.hole > 0 {
			t.parsed(c, d, c.feed(d, &q))
		}
		if c.parser == nil {
			return
		}
	}
}
