// Package conn follows connections from their first byte to their last: it puts
// the bytes of each direction in order, marks what is missing, finds the
// protocol and feeds its parser.
//
// The life of a connection: an Open event makes it. Its first bytes are kept
// until a protocol recognises them; if none does it is muted and forgotten. From
// then on bytes go to the parser as they come. An event whose bytes do not join
// what came before is held for a while, for records of several threads
// may overtake each other; what is still missing then is lost. A Close event
// ends it.
//
// Plaintext beside TLS is a connection too, which another one carries: what is
// told of the socket of that one, its end included, holds for both.
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
	NetNS         uint32          // inode of the socket's network namespace
	Protocol      *proto.Protocol // nil until recognised
	Joined        bool            // it is older than the probes
	Carrier       uint64          // plaintext beside TLS: ID of the connection whose socket it travels on; else 0
	Connected     proto.Answer    // the process did; else it accepted

	// When the handshake began and ended and when the process accepted, since
	// boot; zero unknown.
	Connect, Established, Accepted time.Duration

	Sent uint64 // bytes the process has sent, as far as was told

	// The addresses beyond a translation (NAT), set when the protocol is recognised;
	// invalid where there is none, or none known. Of who connected TranslatedRemote
	// is where its packets really go, of who accepted TranslatedLocal is what the
	// client had asked for.
	TranslatedLocal, TranslatedRemote netip.AddrPort

	// TLS is what the handshake said, of a connection whose bytes are TLS and of
	// what it carries; nil until it ended, and when there is none.
	TLS       *proto.TLS
	Plaintext Plaintext

	End End // who ended it; set before the last exchanges are given to the sink
}

// A Plaintext says what was seen of the bytes that a connection of TLS carries.
type Plaintext uint8

// What may have been seen. Whether a connection carries anything is not known
// before its handshake ends.
const (
	NotCarried Plaintext = iota // it is not TLS, or the handshake is open or failed
	Unseen                      // nothing so far
	Seen                        // at least some
)

// An End says who ended a connection.
type End uint8

// The ends.
const (
	Open           End = iota // nobody
	EndedByProcess            // the observed one, in order or not
	EndedByPeer               // likewise
	ResetByPeer
	EndedByNetwork // nothing was acknowledged for too long, or no way led there
)

// A Sink takes what the tracker finds. Nothing of it outlives the call.
type Sink interface {
	Exchange(c *Conn, x *proto.Exchange)
	// Acked says when the peer had acknowledged all that the process had sent,
	// and what had hindered the connection until then.
	Acked(c *Conn, at time.Duration, m *proto.Meter)
	// Gone says that nothing more will be told of a connection.
	Gone(c *Conn)
	Exited(p *process.Info)
}

// tracked is a connection with what only the tracker knows.
type tracked struct {
	Conn
	role     uint8
	side     proto.Side // the process's; valid once parser is set
	parser   proto.Parser
	data     *proto.Data // the tracker's: one for all, or each would be garbage
	streams  [2]stream   // rx, tx
	held     []event.Event
	misses   int    // runs in which no protocol was recognised
	joined   bool   // in mid-stream
	leaving  bool   // what carried it has ended
	dead     bool   // forgotten; nothing may follow
	revealed bool   // bytes were seen that it carries, perhaps before its handshake ended
	closed   uint16 // FIN flags seen
	last     int    // direction of the last bytes
	active   time.Duration
	meter    meter
	acked    time.Duration // all that was sent; known at the end

	peerName string
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
	front       proto.Moment
}
