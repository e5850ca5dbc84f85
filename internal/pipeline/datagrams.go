package pipeline

import (
	"net/netip"
	"slices"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/names"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/dns"
)

const (
	maxLookups = 4096  // of one lane that wait for their answer
	maxNames   = 16384 // that one lane remembers
)

// datagrams is what a lane has for DNS: the questions that wait, and the names
// its processes got their addresses by.
type datagrams struct {
	lookups *dns.Datagrams
	names   *names.Table
	dns     *proto.Protocol // nil: not wanted
	clock   eventClock
}

func (l *lane) openDatagrams() {
	if i := slices.IndexFunc(l.p.cfg.Protocols, func(p *proto.Protocol) bool { return p.Name == dns.Name }); i >= 0 {
		l.dns = l.p.cfg.Protocols[i]
	}
	l.names = names.New(maxNames)
	l.lookups = dns.NewDatagrams(maxLookups, func(o *dns.Origin, x *proto.Exchange) {
		l.Exchange(&conn.Conn{
			ID: o.Socket, Process: o.Owner.(*process.Info), Local: o.Local, Remote: o.Remote, Protocol: l.dns,
		}, x)
	})
}

// datagram takes one datagram of port 53.
func (l *lane) datagram(e *event.Event) {
	if l.dns == nil {
		return
	}
	l.clock.saw(e.Time, l.now)
	d := dns.Datagram{
		Origin:  dns.Origin{Socket: e.Conn, Local: e.Local, Remote: e.Remote},
		Process: e.PID, Sent: e.Flags&event.Sent != 0, Closed: e.Flags&event.Closed != 0,
		Time: e.Time, Thread: e.TID, Bytes: e.Payload, Size: int(e.Size), Lost: e.Lost,
	}
	if !d.Closed { // a process closes its last sockets when it has exited
		d.Owner = l.tracker.Owner(e.PID)
	}
	l.lookups.Take(&d)
}

// learn remembers the addresses a process was told, and how long it waited for them.
func (l *lane) learn(c *conn.Conn, x *proto.Exchange) {
	if x.Resolved == nil {
		return
	}
	if x.Capture&(proto.NoResponse|proto.UnknownEnd) == 0 {
		l.names.Asked(c.Process.PID, names.Question{
			Name: x.Resolved.Name, Type: x.Resolved.Type, Start: x.Start, End: x.End, Answered: !x.Resolved.GivenUp,
		})
	}
	for _, a := range x.Resolved.Addresses {
		l.names.Learn(c.Process.PID, a, names.Lookup{Name: x.Resolved.Name, Start: x.Start, End: x.End, Thread: x.Thread}, x.Resolved.TTL)
	}
}

// peerName is the name by which a process knows an address.
func (l *lane) peerName(pid uint32, peer netip.Addr, at time.Duration) string {
	known, _ := l.names.Of(pid, peer, at)
	return known.Name
}

// An eventClock tells the time since boot of now by the last event, so that a
// recording is played in its own time.
type eventClock struct {
	event time.Duration
	came  time.Time
}

func (c *eventClock) saw(event time.Duration, now time.Time) { c.event, c.came = event, now }

func (c *eventClock) at(now time.Time) time.Duration {
	if c.came.IsZero() {
		return 0
	}
	return c.event + now.Sub(c.came)
}
