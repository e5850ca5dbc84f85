package metrics

import (
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/health"
)

// vitals are the health of one process' connections.
type vitals struct {
	pid      uint32
	resource pcommon.Resource
	start    time.Time // nothing of the process had been counted then
	readings []*reading
	byKey    map[health.Key]*reading

	round   int       // of the last collection that had it
	changed time.Time // the last collection that brought something new
	quiet   int       // collections without anything new since the exit
}

// A reading is what one key has come to.
type reading struct {
	health.Key
	attrs     pcommon.Map
	start     time.Time
	now, base health.Values // base: what it had come to at the start
	total     uint64        // of all that only grows in now
	round     int           // of the last collection that had it

	own, overflow uint64 // bits of the counters with a series of their own, and in the one of the overflow
}

// value is what a counter has come to since the start.
func (r *reading) value(i *instrument, c int) uint64 {
	n := i.counters[c].of(&r.now)
	if !i.level {
		n -= i.counters[c].of(&r.base)
	}
	return n
}

// settle counts how often nothing was new since the process exited.
func (v *vitals) settle(exited bool, now time.Time) {
	if !exited || v.changed.Equal(now) {
		v.quiet = 0
		return
	}
	v.quiet++
}

// over reports whether a process has exited and nothing is to be expected of
// it. The kernel still closes connections of a process that is no more; an end
// that was not seen must not keep it for ever.
func (v *vitals) over(now time.Time) bool {
	return v.quiet >= lastFlushes && (!v.active() || now.Sub(v.changed) >= idleAfter)
}

func (v *vitals) active() bool {
	for _, r := range v.readings {
		if r.now.Active > 0 {
			return true
		}
	}
	return false
}

// bits are those of all counters that have a point.
func (v *vitals) bits() (bits uint64) {
	for _, r := range v.readings {
		bits |= r.own | r.overflow
	}
	return bits
}

var (
	transports = [...]string{health.TCP: "tcp", health.UDP: "udp"}
	roles      = [...]string{health.Unknown: "", health.Active: "client", health.Passive: "server"}
)

// keyAttributes are the attributes that tell a key from others of its process.
// The name of a peer is asked for once: later it would make another series.
func keyAttributes(k *health.Key, peerName func(uint32, netip.Addr) string) pcommon.Map {
	m := pcommon.NewMap()
	m.EnsureCapacity(6)
	m.PutStr("network.transport", transports[k.Transport])
	m.PutStr("network.type", networkType(k.V6))
	if role := roles[k.Role]; role != "" {
		m.PutStr("ebpf.connection.role", role)
	}
	if k.ServerPort != 0 {
		m.PutInt("server.port", int64(k.ServerPort))
	}
	if !k.Peer.IsValid() {
		return m
	}
	m.PutStr("network.peer.address", k.Peer.String())
	if peerName != nil && k.Role == health.Active {
		if name := peerName(k.PID, k.Peer); name != "" {
			m.PutStr("server.address", valid(name))
		}
	}
	return m
}

func networkType(v6 bool) string {
	if v6 {
		return "ipv6"
	}
	return "ipv4"
}
