// Package conn follows connections from their first byte to their last: it puts
// the bytes of each direction in order, marks what is missing, finds the
// protocol and feeds its parser.
//
// The life of a connection: an Open event makes it. Its first bytes are kept
// until a protocol recognises them; if none does it is muted and forgotten. From
// then on bytes go to the parser as they come. An event whose bytes do not join
// what came before is held until the next Tick, for records of several threads
// may overtake each other; what is still missing then is lost. A Close event
// ends it.
package conn

import (
	"net/netip"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Conn is one open connection, seen from one process.
type Conn struct {
	ID            uint64 // unique while the receiver runs
	Process       *process.Info
	Local, Remote netip.AddrPort
	Protocol      *proto.Protocol // nil until recognised
}

// A Sink takes what the tracker finds. Nothing of it outlives the call.
type Sink interface {
	Exchange(c *Conn, x *proto.Exchange)
	Exited(p *process.Info)
}

// tracked is a connection with what only the tracker knows.
type tracked struct {
	Conn
	role    uint8
	side    proto.Side // the process's; valid once parser is set
	parser  proto.Parser
	data    *proto.Data // the tracker's: one for all, or each would be garbage
	streams [2]stream   // rx, tx
	held    []event.Event
	misses  int    // runs in which no protocol was recognised
	joined  bool   // in mid-stream
	dead    bool   // forgotten; nothing may follow
	closed  uint16 // FIN flags seen
	last    int    // direction of the last bytes
	active  time.Duration
}

// Directions, as indices of tracked.streams.
const (
	rx = iota
	tx
	noDirection
)

// sender says which side sends the bytes of a direction.
func (c *tracked) sender(dir int) proto.Side {
	if dir == tx {
		return c.side
	}
	return c.side.Other()
}

// stream is one direction's bytes that the parser, or detection, has not used.
type stream struct {
	next   uint64 // offset of the first byte not yet seen
	buf    []byte // the bytes before next that were not used
	marks  []mark // when the pieces of buf came, oldest first
	idle   bool   // bytes are dropped until a message begins
	fin    bool   // length is known
	eof    bool   // and the parser was told
	length uint64
	finAt  time.Duration
}

// mark says when a piece of a stream's buffer crossed the socket.
type mark struct {
	size        int // bytes of buf, from the end of the mark before
	first, last time.Duration
	thread      uint32
}
