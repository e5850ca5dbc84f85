package http1

import (
	"errors"
	"fmt"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

var (
	errNotHTTP = errors.New("not HTTP/1")
	errHead    = fmt.Errorf("a head is longer than %d bytes", maxHead)
	errDepth   = fmt.Errorf("more than %d requests wait", maxOpen)
)

// maxOpen is the deepest pipeline: every open request takes about a kilobyte.
const maxOpen = 256

// A parser is one connection. What it needs only while requests are open comes
// from pools: an idle one is small.
type parser struct {
	sem    *http.Semantics
	conn   proto.Conn
	peer   string // the remote address
	emit   func(*proto.Exchange)
	h2c    http.Upgrade
	tunnel proto.Takeover

	streams [2]stream
	open    []*http.Exchange // requests without a final response, oldest first
	req     *http.Exchange   // the request whose body is under way
	resp    *http.Exchange   // the exchange whose response is under way
	loss    loss
	done    error // why nothing more is parsed
}

func newParser(sem *http.Semantics, c proto.Conn, emit func(*proto.Exchange)) *parser {
	p := &parser{sem: sem, conn: c, emit: emit}
	if a := c.Remote.Addr(); a.IsValid() {
		p.peer = a.Unmap().String()
	}
	return p
}

// Parse reads one head, or what there is of one body or chunk.
func (p *parser) Parse(d *proto.Data) (uint64, error) {
	if p.done != nil {
		return 0, p.done
	}
	p.follow(d)
	s := &p.streams[d.From]
	n, err := p.step(s, d)
	if n > 0 {
		s.last = d.Last
		s.fresh = n == d.Len() && (d.End || d.Hole > 0)
	}
	if err != nil && !errors.Is(err, proto.ErrLost) {
		p.stop(err, d.First)
	}
	return n, err
}

// follow moves the end of the body under way to that of d.
func (p *parser) follow(d *proto.Data) {
	switch {
	case d.From == proto.Client && p.req != nil:
		p.req.Course.RequestEnd = d.LastMoment()
	case d.From == proto.Server && p.resp != nil:
		p.resp.Course.ResponseEnd = d.LastMoment()
	}
}

func (p *parser) step(s *stream, d *proto.Data) (uint64, error) {
	if s.mayBegin() && len(d.Bytes) > 0 {
		switch v := begins(d.From, d.Bytes); {
		case v == proto.Yes:
			s.end()
		case v == proto.Maybe && d.Hole == 0 && !d.End:
			return 0, nil
		}
	}
	switch s.state {
	case head:
		return p.head(s, d)
	case length, chunkData:
		return p.counted(s, d), nil
	case chunkSize:
		return p.chunk(s, d), nil
	case trailers:
		return p.trailer(s, d), nil
	case blind:
		return p.blind(s, d), nil
	}
	if s.state == untilEOF {
		s.size += int64(d.Len())
	}
	p.missed(d)
	return d.Len(), nil
}

// EOF ends what the server left open; a client that sends no more still gets answers.
func (p *parser) EOF(from proto.Side, at time.Duration) {
	if from == proto.Server {
		if p.resp != nil && p.streams[from].state == untilEOF {
			p.bodyEnds(proto.Server, at)
		}
		p.Close(at, proto.ReasonClosed)
	}
}

// Close ends the open exchanges. A response that the end of the connection
// delimits is complete when the connection ended in order: with its last byte.
func (p *parser) Close(at time.Duration, reason string) {
	s := &p.streams[proto.Server]
	if p.resp != nil && reason == proto.ReasonClosed {
		switch s.state {
		case untilEOF:
			p.bodyEnds(proto.Server, s.last)
		case blind:
			p.endUnseen(s)
		}
	}
	if x := p.resp; x != nil {
		x.Err = reason
		p.finish(x, at)
	}
	p.endLost()
	for len(p.open) > 0 {
		x := p.pop()
		x.Err = reason
		p.finish(x, at)
	}
}

// stop ends the parsing: what is open stays unknown.
func (p *parser) stop(err error, at time.Duration) {
	p.done = err
	if p.resp != nil {
		p.endUnseen(&p.streams[proto.Server])
	}
	for len(p.open) > 0 {
		x := p.pop()
		p.endUnknown(x, at)
	}
}

// pop takes the oldest request off the queue.
func (p *parser) pop() *http.Exchange {
	x := p.open[0]
	n := copy(p.open, p.open[1:])
	p.open[n] = nil
	p.open = p.open[:n]
	if n == 0 && cap(p.open) > 4 {
		p.open = nil
	}
	return x
}

// finish emits x.
func (p *parser) finish(x *http.Exchange, at time.Duration) {
	x.End = max(at, x.Start)
	if p.req == x {
		p.req = nil
	}
	if p.resp == x {
		p.resp = nil
	}
	x.Finish()
	p.emit(&x.Exchange)
	p.sem.Free(x)
}
