package emulator

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// A Direction is the way a packet goes.
type Direction uint8

// The directions.
const (
	Up   Direction = iota // from the client to the server
	Down                  // from the server to the client
)

// Other returns the other direction.
func (d Direction) Other() Direction { return d ^ 1 }

// A Flow is a connection as its client sees it.
type Flow struct{ Client, Server netip.AddrPort }

// A Packet is one TCP segment or another packet the emulator forwarded or
// dropped. Times are of CLOCK_MONOTONIC.
type Packet struct {
	Dir     Direction
	Flow    Flow
	At      time.Duration // taken from the sender's device
	Out     time.Duration // given to the receiver's device; 0: dropped
	TCP     bool
	SYN     bool
	ACK     bool
	RST     bool
	Seq     uint32
	Acked   uint32
	Window  uint16
	Payload int
}

// Dropped reports whether the packet did not arrive.
func (p *Packet) Dropped() bool { return p.Out == 0 }

// Data reports whether the packet carries bytes of the stream.
func (p *Packet) Data() bool { return p.TCP && p.Payload > 0 }

const (
	ipv4Header   = 20
	protocolTCP  = 6
	protocolUDP  = 17
	leastTCP     = 20
	flagSYN      = 0x02
	flagRST      = 0x04
	flagACK      = 0x10
	sourceAt     = 12 // offsets in the IPv4 header
	destination  = 16
	ipChecksumAt = 10
)

// parse reads an IPv4 packet of TCP or UDP. Others do not concern the suite.
func parse(raw []byte) (src, dst netip.AddrPort, p Packet, ok bool) {
	if len(raw) < ipv4Header || raw[0]>>4 != 4 {
		return src, dst, p, false
	}
	head := int(raw[0]&15) * 4
	protocol := raw[9]
	if protocol != protocolTCP && protocol != protocolUDP || len(raw) < head+8 {
		return src, dst, p, false
	}
	l4 := raw[head:binary.BigEndian.Uint16(raw[2:])]
	src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[sourceAt:])), binary.BigEndian.Uint16(l4))
	dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[destination:])), binary.BigEndian.Uint16(l4[2:]))
	if protocol == protocolTCP && len(l4) >= leastTCP {
		p = parseTCP(l4)
	}
	return src, dst, p, true
}

func parseTCP(l4 []byte) Packet {
	flags := l4[13]
	return Packet{
		TCP:     true,
		SYN:     flags&flagSYN != 0,
		ACK:     flags&flagACK != 0,
		RST:     flags&flagRST != 0,
		Seq:     binary.BigEndian.Uint32(l4[4:]),
		Acked:   binary.BigEndian.Uint32(l4[8:]),
		Window:  binary.BigEndian.Uint16(l4[14:]),
		Payload: len(l4) - int(l4[12]>>4)*4,
	}
}

// readdress writes another address into the packet, at the source's or the
// destination's place, and mends both checksums.
func readdress(raw []byte, at int, to netip.Addr) {
	fresh := to.As4()
	head := int(raw[0]&15) * 4
	sums := []int{ipChecksumAt, head + 16}
	if raw[9] == protocolUDP {
		sums[1] = head + 6
	}
	for i := 0; i < 4; i += 2 {
		was, is := binary.BigEndian.Uint16(raw[at+i:]), binary.BigEndian.Uint16(fresh[i:])
		for _, sum := range sums {
			mend(raw[sum:], was, is)
		}
	}
	copy(raw[at:], fresh[:])
}

// mend updates a checksum for one changed word.
//
// Source: RFC 1624, section 3.
func mend(sum []byte, was, is uint16) {
	s := uint32(^binary.BigEndian.Uint16(sum)) + uint32(^was) + uint32(is)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	binary.BigEndian.PutUint16(sum, ^uint16(s))
}
