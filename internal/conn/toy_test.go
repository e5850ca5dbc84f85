package conn

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// toy is a protocol of lines: a client's begins with '?', a server's with '!'.
// A line "=N" is followed by N bytes nobody looks at.
var toy = &proto.Protocol{Name: "toy", Detect: detectToy, New: newToy}

func detectToy(client, server []byte) proto.Verdict {
	switch {
	case len(client) > 0 && client[0] == '?', len(server) > 0 && server[0] == '!':
		return proto.Yes
	case len(client) == 0 && len(server) == 0:
		return proto.Maybe
	}
	return proto.No
}

type toyParser struct {
	emit func(*proto.Exchange)
	open []*proto.Exchange
	body [2]uint64
}

func newToy(_ proto.Conn, emit func(*proto.Exchange)) proto.Parser { return &toyParser{emit: emit} }

func (p *toyParser) Parse(d *proto.Data) (uint64, error) {
	if left := &p.body[d.From]; *left > 0 {
		n := min(*left, d.Len())
		*left -= n
		return n, nil
	}
	i := bytes.IndexByte(d.Bytes, '\n')
	if i < 0 {
		if d.Hole > 0 || len(d.Bytes) > 1000 {
			return 0, proto.ErrLost
		}
		return 0, nil
	}
	line := string(d.Bytes[:i])
	switch {
	case strings.HasPrefix(line, "="):
		_, err := fmt.Sscan(line[1:], &p.body[d.From])
		return uint64(i + 1), err
	case line == "!become":
		next := &toyParser{emit: func(x *proto.Exchange) { x.Name = "next " + x.Name; p.emit(x) }}
		return uint64(i + 1), &proto.Become{Protocol: &proto.Protocol{Name: "next"}, Next: next}
	case line == "?stop":
		return 0, proto.ErrStop
	case line == "?carry":
		p.emit(&proto.Exchange{Name: line, TLS: &proto.TLS{Version: "1.3"}, MetricOnly: true})
		return 0, proto.ErrCarry
	case line == "?carry-blind":
		return 0, proto.ErrCarry
	case line == "?bad":
		return 0, errors.New("not a toy")
	case d.From == proto.Client:
		x := &proto.Exchange{Name: line, Side: proto.Server, Start: d.First}
		x.Course.RequestStart = d.FirstMoment()
		p.open = append(p.open, x)
	case len(p.open) > 0:
		x := p.open[0]
		p.open = p.open[1:]
		x.Name, x.End = x.Name+line, d.Last
		p.emit(x)
	}
	return uint64(i + 1), nil
}

func (p *toyParser) EOF(from proto.Side, at time.Duration) {
	p.emit(&proto.Exchange{Name: fmt.Sprintf("eof %d", from), End: at})
}

func (p *toyParser) Close(at time.Duration, reason string) {
	for _, x := range p.open {
		x.Err, x.End = reason, at
		p.emit(x)
	}
	p.open = nil
}

// bench is a tracker with one connection, as the kernel would tell of it.
type bench struct {
	*Tracker
	got     []string
	muted   []uint64
	framed  []uint64
	carried []uint64
	gone    int
	exited  []uint32
	now     time.Duration
	offset  [2]uint64
	lastDir int
	clock   time.Time
}

func newBench() *bench {
	b := &bench{lastDir: 2}
	b.Tracker = NewTracker(Config{
		Protocols: []*proto.Protocol{toy}, Sink: b, MaxConnections: 32,
		Verdict:  b.verdict,
		Describe: func(e *event.Event) *process.Info { return &process.Info{ID: process.ID{PID: e.PID}} },
	})
	b.Handle(&event.Event{Kind: event.Process, PID: 1})
	return b
}

func (b *bench) verdict(id uint64, v event.Verdict) {
	switch v {
	case event.Frames:
		b.framed = append(b.framed, id)
	case event.Carry:
		b.carried = append(b.carried, id)
	default:
		b.muted = append(b.muted, id)
	}
}

func (b *bench) Exchange(_ *Conn, x *proto.Exchange) {
	s := fmt.Sprintf("%s %d-%d", x.Name, x.Start, x.End)
	if x.Err != "" {
		s += " " + x.Err
	}
	b.got = append(b.got, s)
}

func (b *bench) Acked(*Conn, time.Duration, *proto.Meter) {}
func (b *bench) Gone(*Conn)                               { b.gone++ }

func (b *bench) Exited(p *process.Info) { b.exited = append(b.exited, p.PID) }

func (b *bench) opened(role uint8) *bench {
	b.Handle(&event.Event{Kind: event.Open, PID: 1, Conn: 1, OpenInfo: event.OpenInfo{Role: role}})
	return b
}

func (b *bench) joined() *bench {
	b.Handle(&event.Event{Kind: event.Open, PID: 1, Conn: 1, OpenInfo: event.OpenInfo{Midstream: true}})
	return b
}

// make returns the event of the next call in a direction, that moves text; a
// digit in braces is a hole: "ab{9}cd".
func (b *bench) make(dir int, text string) *event.Event {
	head, rest, cut := strings.Cut(text, "{")
	size, tail := len(head), ""
	if cut {
		var hole int
		number, after, _ := strings.Cut(rest, "}")
		if _, err := fmt.Sscan(number, &hole); err != nil {
			panic(err)
		}
		tail = after
		size += hole + len(tail)
	}
	b.now++
	e := &event.Event{
		Kind: event.Data, PID: 1, Conn: 1, Time: b.now, Last: b.now, Flags: event.End,
		Offset: b.offset[dir], Other: b.offset[1-dir], Size: uint32(size),
		Payload: []byte(head), Tail: []byte(tail),
	}
	if dir == tx {
		e.Flags |= event.Sent
	}
	if b.lastDir != dir {
		e.Flags |= event.Run
	}
	b.lastDir = dir
	b.offset[dir] += uint64(size)
	return e
}

func (b *bench) received(text string) { b.Handle(b.make(rx, text)) }
func (b *bench) sent(text string)     { b.Handle(b.make(tx, text)) }

func (b *bench) close(flags uint16, errno uint32) {
	b.now++
	b.Handle(&event.Event{Kind: event.Close, PID: 1, Conn: 1, Time: b.now, Flags: flags, CloseInfo: event.CloseInfo{
		SentLen: b.offset[tx], ReceivedLen: b.offset[rx], Errno: errno,
	}})
}

// tick lets as much time pass as held events wait at least.
func (b *bench) tick() {
	b.clock = b.clock.Add(patience)
	b.Tick(b.clock)
}
