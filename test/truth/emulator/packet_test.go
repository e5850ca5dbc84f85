package emulator

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// segment makes a TCP segment with correct checksums.
func segment(src, dst netip.AddrPort, payload string) []byte {
	raw := make([]byte, ipv4Header+leastTCP+len(payload))
	raw[0], raw[8], raw[9] = 0x45, 64, protocolTCP
	binary.BigEndian.PutUint16(raw[2:], uint16(len(raw)))
	copy(raw[sourceAt:], src.Addr().AsSlice())
	copy(raw[destination:], dst.Addr().AsSlice())
	l4 := raw[ipv4Header:]
	binary.BigEndian.PutUint16(l4, src.Port())
	binary.BigEndian.PutUint16(l4[2:], dst.Port())
	binary.BigEndian.PutUint32(l4[4:], 1000)
	binary.BigEndian.PutUint32(l4[8:], 2000)
	l4[12], l4[13] = leastTCP/4<<4, flagACK
	binary.BigEndian.PutUint16(l4[14:], 512)
	copy(l4[leastTCP:], payload)
	binary.BigEndian.PutUint16(raw[ipChecksumAt:], ^sum(raw[:ipv4Header]))
	binary.BigEndian.PutUint16(l4[16:], ^sum(pseudo(raw), l4))
	return raw
}

// pseudo is the header that a TCP checksum covers besides the segment.
func pseudo(raw []byte) []byte {
	head := append([]byte(nil), raw[sourceAt:ipv4Header]...)
	return append(head, 0, protocolTCP, 0, byte(len(raw)-ipv4Header))
}

// sum adds up 16-bit words as checksums do: all of a correct packet make 0xffff.
func sum(parts ...[]byte) uint16 {
	var s uint32
	for _, b := range parts {
		for i, v := range b {
			s += uint32(v) << (8 * (1 - i%2))
		}
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

var (
	someClient = netip.MustParseAddrPort("198.18.1.1:40000")
	someServer = netip.MustParseAddrPort("198.18.2.7:7801")
)

func TestParse(t *testing.T) {
	src, dst, p, ok := parse(segment(someClient, someServer, "hello"))
	if !ok || src != someClient || dst != someServer {
		t.Errorf("%v to %v, %t", src, dst, ok)
	}
	want := Packet{TCP: true, ACK: true, Seq: 1000, Acked: 2000, Window: 512, Payload: 5}
	if p != want {
		t.Errorf("%+v, want %+v", p, want)
	}
	for _, other := range [][]byte{nil, {0x60}, make([]byte, 40)} {
		if _, _, _, ok := parse(other); ok {
			t.Errorf("% x is no packet of IPv4", other)
		}
	}
}

func TestReaddress(t *testing.T) {
	raw := segment(someClient, someServer, "some bytes")
	readdress(raw, sourceAt, netip.MustParseAddr("255.254.0.1"))
	readdress(raw, destination, netip.MustParseAddr("198.18.3.255"))
	src, dst, _, _ := parse(raw)
	if src.String() != "255.254.0.1:40000" || dst.String() != "198.18.3.255:7801" {
		t.Errorf("%v to %v", src, dst)
	}
	if s := sum(raw[:ipv4Header]); s != 0xffff {
		t.Errorf("the header's checksum is wrong: %#x", s)
	}
	if s := sum(pseudo(raw), raw[ipv4Header:]); s != 0xffff {
		t.Errorf("the segment's checksum is wrong: %#x", s)
	}
}

func TestShapers(t *testing.T) {
	data, pure := &Packet{Dir: Up, TCP: true, Payload: 1}, &Packet{Dir: Up, TCP: true}
	nth := LoseNth(2, DataTo(Up))
	for i, want := range []bool{false, true, false, false} {
		if _, drop := nth(pure); drop {
			t.Error("a packet that does not match is lost")
		}
		if _, drop := nth(data); drop != want {
			t.Errorf("packet %d is lost: %t", i, drop)
		}
	}
	hole := Blackhole(time.Second, DataTo(Up))
	for _, step := range []struct {
		packet Packet
		want   bool
	}{
		{Packet{Dir: Up, TCP: true, At: 1 * time.Second}, false},
		{Packet{Dir: Up, TCP: true, At: 2 * time.Second, Payload: 1}, true},
		{Packet{Dir: Down, TCP: true, At: 2900 * time.Millisecond}, true},
		{Packet{Dir: Up, TCP: true, At: 3 * time.Second, Payload: 1}, false},
	} {
		if _, drop := hole(&step.packet); drop != step.want {
			t.Errorf("%+v is lost: %t", step.packet, drop)
		}
	}
}
