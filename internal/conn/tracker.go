package conn

import (
	"cmp"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// Config is what a Tracker is made of.
type Config struct {
	Protocols      []*proto.Protocol                  // in the order they are tried
	Verdict        func(conn uint64, v event.Verdict) // tells the kernel side what to do with a connection
	Sink           Sink
	MaxConnections int
	Describe       func(*event.Event) *process.Info // makes the description of a new process
	// PeerName returns the name by which a process knows an address, or "". It may be nil.
	PeerName func(pid uint32, peer netip.Addr, at time.Duration) string
	// Opaque is told the process of a connection of TLS that has ended and carried
	// nothing that was seen. It may be nil.
	Opaque func(pid uint32)
	// Recognised is called once the protocol of a connection is known, before any
	// exchange. It may be nil.
	Recognised func(*Conn)
}

// A Tracker owns the connections of the processes assigned to it. One goroutine uses it.
type Tracker struct {
	cfg       Config
	conns     map[uint64]*tracked
	procs     map[uint32]*process.Info // by PID; those that live
	carried   map[uint64][]*tracked    // plaintext, by the ID of the connection that carries it
	holding   map[*tracked]time.Time   // connections with held events or that are leaving, and since which Tick; zero: none yet
	exchanges map[string]uint64        // by protocol
	losses    map[Loss]uint64
	carriers  Carriers
	scratch   proto.Data
	ended     [recent]uint64 // connections that carried something, the latest
	ends      int            // of those, so far
	strays    int
}

// A Loss is a reason why something of a connection was not seen.
type Loss struct{ Reason, Part string }

// NewTracker returns a tracker without connections.
func NewTracker(c Config) *Tracker {
	return &Tracker{
		cfg: c, conns: make(map[uint64]*tracked), procs: make(map[uint32]*process.Info),
		carried: make(map[uint64][]*tracked),
		holding: make(map[*tracked]time.Time), exchanges: make(map[string]uint64), losses: make(map[Loss]uint64),
	}
}

// Len is how many connections are followed.
func (t *Tracker) Len() int { return len(t.conns) }

// Process returns what the kernel told of a process that has not exited, nil if nothing.
func (t *Tracker) Process(pid uint32) *process.Info { return t.procs[pid] }

// Exchanges returns how many exchanges were emitted, by protocol.
func (t *Tracker) Exchanges() map[string]uint64 { return maps.Clone(t.exchanges) }

// Losses returns what was not seen, by reason.
func (t *Tracker) Losses() map[Loss]uint64 { return maps.Clone(t.losses) }

func (t *Tracker) lose(reason, part string) { t.losses[Loss{reason, part}]++ }

// Handle applies one event. It keeps nothing of e.
func (t *Tracker) Handle(e *event.Event) {
	switch e.Kind {
	case event.Data:
		t.moved(e)
	case event.Open:
		t.open(e)
	case event.Close:
		t.closeCarried(e)
		t.close(e)
	case event.Process:
		t.procs[e.PID] = t.cfg.Describe(e)
	case event.Exit:
		t.exit(e)
	case event.Acked:
		if c := t.conns[e.Conn]; c != nil {
			c.meter.kernel(&e.Meter)
			t.acked(c, e.Acked)
		}
		for _, c := range t.carried[e.Conn] {
			c.meter.kernel(&e.Meter)
			t.acked(c, e.Acked)
		}
	}
}

func (t *Tracker) open(e *event.Event) {
	if t.conns[e.Conn] != nil { // two threads moved its first bytes at the same time, and both told of it
		return
	}
	p := t.Owner(e.PID)
	if len(t.conns) >= t.cfg.MaxConnections {
		t.evict()
	}
	c := &tracked{
		Conn: Conn{
			ID: e.Conn, Process: p, Local: e.Local, Remote: e.Remote, NetNS: e.NetNS, Joined: e.Midstream, Carrier: e.Carrier,
			Connect: e.Connect, Established: e.Established, Accepted: e.Accepted,
			Connected: connected(e.Role),
		},
		role: e.Role, active: e.Time, last: noDirection, data: &t.scratch,
	}
	if t.cfg.PeerName != nil && e.Role == event.RoleActive {
		c.peerName = t.cfg.PeerName(e.PID, e.Remote.Addr(), cmp.Or(e.Established, e.Time))
	}
	if e.Midstream {
		c.joined = true
		c.role = event.RoleUnknown // who listens is no proof of who speaks first
		c.Connected = proto.Unknown
		for i := range c.streams {
			c.streams[i].idle = true
		}
	}
	t.conns[e.Conn] = c
	if c.Carrier != 0 {
		t.board(c)
	}
}

// Owner returns the process a record is of, if only by its number.
func (t *Tracker) Owner(pid uint32) *process.Info {
	p := t.procs[pid]
	if p == nil { // its description was lost
		p = &process.Info{ID: process.ID{PID: pid}}
		t.procs[pid] = p
		t.lose("process_unknown", "process")
	}
	return p
}

// evict forgets a sixteenth of the connections, those longest without bytes.
// Their open exchanges are not ended: nothing says that they have.
func (t *Tracker) evict() {
	all := slices.SortedFunc(maps.Values(t.conns), func(a, b *tracked) int { return int(a.active - b.active) })
	for _, c := range all[:len(all)/16+1] {
		t.forget(c)
		t.lose("connection_table_full", "connection")
	}
}

func (t *Tracker) exit(e *event.Event) {
	if p := t.procs[e.PID]; p != nil {
		delete(t.procs, e.PID)
		t.cfg.Sink.Exited(p)
	}
}

func (t *Tracker) moved(e *event.Event) {
	c := t.conns[e.Conn]
	if c == nil {
		t.stray(e)
		return
	}
	c.active = e.Last
	if c.Plaintext != NotCarried {
		t.recarry(c)
		return
	}
	if !c.joins(e) {
		t.hold(c, e)
		return
	}
	t.apply(c, e)
	if len(c.held) > 0 {
		t.retry(c, false)
	}
}

// remute is how many strays there are to a verdict given again.
const remute = 64

// stray takes the bytes of a connection nobody follows: it was muted or has
// closed and the kernel had not heard yet, or it gave way in a full table. If
// strays go on, a verdict did not arrive.
func (t *Tracker) stray(e *event.Event) {
	if t.strays++; t.strays%remute == 0 {
		t.cfg.Verdict(e.Conn, event.Mute)
	}
}

// direction is the stream e belongs to.
func direction(e *event.Event) int {
	if e.Flags&event.Sent != 0 {
		return tx
	}
	return rx
}

// joins reports whether nothing is missing before e: of its own stream, and, if
// it begins a message, of the other one.
func (c *tracked) joins(e *event.Event) bool {
	dir := direction(e)
	if e.Offset > c.streams[dir].next || e.Flags&event.Ahead != 0 && c.streams[1-dir].next <= e.Other {
		return false
	}
	return e.Flags&event.Run == 0 || e.Other <= c.streams[1-dir].next
}

// apply gives the bytes of e to the parser. What is missing before them is lost.
func (t *Tracker) apply(c *tracked, e *event.Event) {
	dir := direction(e)
	if e.Flags&event.Run != 0 && !c.frames() {
		t.lost(c, 1-dir, e.Other, e)
	}
	t.lost(c, dir, e.Offset, e)
	s := &c.streams[dir]
	if c.dead || e.Offset+uint64(e.Size) <= s.next {
		return
	}
	c.last = dir
	if e.Flags&event.Run != 0 && s.idle { // a message may begin
		s.idle = false
		s.clear()
	}
	if skip := s.next - e.Offset; skip > 0 { // another thread's record told of these bytes
		t.lose("overlap", c.name())
		t.lost(c, dir, e.Offset+uint64(e.Size), e)
		return
	}
	s.next = e.Offset + uint64(e.Size)
	if dir == rx {
		t.acked(c, e.Acked)
	} else {
		c.Sent = s.next
	}
	c.meter.take(e, dir, c.joined)
	hole := uint64(e.Size) - uint64(len(e.Payload)) - uint64(len(e.Tail))
	p := c.piece(e)
	p.bytes, p.hole, p.lost = e.Payload, hole, isLoss(e)
	p.end = e.Flags&event.End != 0 && len(e.Tail) == 0
	p.frame = e.Flags&event.Frame != 0
	t.take(c, dir, &p)
	if len(e.Tail) > 0 && !c.dead {
		p = c.piece(e)
		p.bytes, p.end = e.Tail, e.Flags&event.End != 0
		behind(p.front, e.Offset+uint64(e.Size)-uint64(len(e.Tail))-p.front.Offset)
		t.take(c, dir, &p)
	}
	if dir == tx {
		t.acked(c, e.Acked)
	}
	t.eof(c, dir)
}

// frames reports whether both directions go on at the same time. A record of one
// says nothing then of what is missing in the other: that may still be on its
// way from another processor.
func (c *tracked) frames() bool { return c.Protocol != nil && c.Protocol.Frames }

// piece returns an empty piece with the times of e.
func (c *tracked) piece(e *event.Event) piece {
	return piece{first: e.Time, last: e.Last, thread: e.TID, front: &c.meter.front, back: &c.meter.back}
}

// acked tells the sink when all was acknowledged that answers to requests.
func (t *Tracker) acked(c *tracked, at time.Duration) {
	if at > 0 && c.parser != nil && c.side == proto.Server {
		t.cfg.Sink.Acked(&c.Conn, at, &c.meter.sum)
	}
}

// emit gives an exchange to the sink. To a server a request begins when it comes
// to the socket, not when the program gets to it.
func (t *Tracker) emit(c *tracked, x *proto.Exchange) {
	t.exchanges[c.name()]++
	if x.TLS != nil {
		c.TLS = x.TLS
	}
	t.learn(c)
	if at := x.Course.RequestStart.Arrived; at > 0 && x.Side == proto.Server {
		x.Start = min(at, x.Start)
	}
	if c.End != Open || x.Course.ResponseEnd.Time == 0 { // what it met last no byte tells
		x.Course.ResponseEnd.Meter = c.meter.sum
	}
	if x.Course.ResponseStart.Time == 0 {
		x.Course.ResponseStart.Acked = c.acked
	}
	t.cfg.Sink.Exchange(&c.Conn, x)
}

// isLoss reports whether the hole in e is a loss. Bytes of a body that no buffer
// shows, as with sendfile, would not have been copied anyway.
func isLoss(e *event.Event) bool {
	return e.Flags&(event.Fault|event.Raced|event.Unwalked) != 0 || e.Flags&event.Unreadable != 0 && e.Flags&event.Run != 0
}

// lost tells the parser that the bytes up to offset are missing. They crossed
// the socket before e.
func (t *Tracker) lost(c *tracked, dir int, offset uint64, e *event.Event) {
	s := &c.streams[dir]
	if offset <= s.next || c.dead {
		return
	}
	hole := offset - s.next
	s.next = offset
	if s.idle && c.last == dir {
		return // more of what is dropped anyway
	}
	s.idle = false // the other side sent before: a message may have begun in the hole
	c.last = dir
	t.lose("gap", c.name())
	c.meter.lost()
	at := proto.Moment{Offset: s.next - hole, Time: e.Time, Meter: c.meter.sum}
	t.take(c, dir, &piece{hole: hole, lost: true, first: e.Time, last: e.Time, thread: e.TID, front: &at, back: &at})
}

// take gives a piece to the parser or to detection.
func (t *Tracker) take(c *tracked, dir int, p *piece) {
	switch {
	case c.streams[dir].idle, c.Plaintext != NotCarried:
	case c.parser == nil:
		t.unrecognised(c, dir, p)
	default:
		t.parsed(c, dir, c.feed(dir, p))
	}
}

// parsed acts on what the parser answered.
func (t *Tracker) parsed(c *tracked, dir int, err error) {
	switch {
	case err == nil:
	case errors.Is(err, proto.ErrLost):
		c.streams[dir].clear()
		c.streams[dir].idle = true
		t.lose("framing_lost", c.name())
	case errors.Is(err, proto.ErrStop):
		t.forget(c)
	case errors.Is(err, proto.ErrCarry):
		t.carry(c)
	case errors.Is(err, proto.ErrUnpaired):
		t.lose("pairing_lost", c.name())
		t.forget(c)
	default:
		t.lose("parse_error", c.name())
		t.forget(c)
	}
}

// forget mutes a connection nobody parses any more.
func (t *Tracker) forget(c *tracked) {
	t.cfg.Verdict(c.ID, event.Mute)
	t.drop(c)
}

func (t *Tracker) drop(c *tracked) {
	c.dead = true
	c.parser = nil
	c.held = nil
	delete(t.holding, c)
	delete(t.conns, c.ID)
	t.uncarry(c)
	t.settle(c)
	if c.Protocol != nil {
		t.cfg.Sink.Gone(&c.Conn)
	}
}

func (t *Tracker) close(e *event.Event) {
	c := t.conns[e.Conn]
	if c == nil {
		return
	}
	t.retry(c, e.Flags&event.Gone != 0)
	if c.dead {
		return
	}
	c.meter.kernel(&e.Meter)
	c.acked = e.Acked
	t.acked(c, e.Acked)
	fresh := e.Flags &^ c.closed
	c.closed |= e.Flags
	if fresh&event.SentFIN != 0 {
		c.streams[tx].finish(e.SentLen, e.Time)
	}
	if fresh&event.ReceivedFIN != 0 {
		c.streams[rx].finish(e.ReceivedLen, e.Time)
	}
	t.eof(c, tx)
	t.eof(c, rx)
	if e.Errno == 0 && e.Flags&event.Gone != 0 && c.Plaintext == NotCarried {
		t.lost(c, tx, e.SentLen, e) // what was sent and nobody told of
	}
	if e.Flags&event.Gone != 0 && !c.dead {
		c.End = ender(e.Errno, c.closed)
		t.end(c, e.Time, reason(e.Errno))
	}
}

func (s *stream) finish(length uint64, at time.Duration) {
	s.fin, s.length, s.finAt = true, length, at
}

// eof tells the parser that a direction has ended, once all its bytes came.
func (t *Tracker) eof(c *tracked, dir int) {
	s := &c.streams[dir]
	if !s.fin || s.eof || s.next < s.length || c.parser == nil {
		return
	}
	s.eof = true
	c.parser.EOF(c.sender(dir), s.finAt)
}

// end closes a connection's exchanges and forgets it.
func (t *Tracker) end(c *tracked, at time.Duration, reason string) {
	if c.parser != nil {
		c.parser.Close(at, reason)
	}
	if c.Carrier == 0 && c.TLS != nil { // it may have carried something
		t.ended[t.ends%recent] = c.ID
		t.ends++
	}
	t.drop(c)
}

// reason names why a connection ended, by the socket's error.
func reason(errno uint32) string {
	switch syscall.Errno(errno) {
	case syscall.ECONNRESET, syscall.EPIPE:
		return proto.ReasonReset
	case syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH:
		return proto.ReasonTimeout
	}
	return proto.ReasonClosed
}

// ender says who ended a connection, by the socket's error and the FINs seen.
func ender(errno uint32, fins uint16) End {
	switch reason(errno) {
	case proto.ReasonReset:
		return ResetByPeer
	case proto.ReasonTimeout:
		return EndedByNetwork
	}
	if fins&event.ReceivedFIN != 0 {
		return EndedByPeer
	}
	return EndedByProcess
}

// name is the protocol's, for counting.
func (c *tracked) name() string {
	if c.Protocol == nil {
		return "unrecognised"
	}
	return c.Protocol.Name
}
