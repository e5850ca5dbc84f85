// Package conn follows connections from their first byte to their last: it puts
// the bytes of each direction in order, marks what is missing, finds the
// protocol and feeds its parser.
package conn

import (
	"net/netip"

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

// A Sink takes what the tracker finds. Neither argument outlives the call.
type Sink interface {
	Exchange(c *Conn, x *proto.Exchange)
}
