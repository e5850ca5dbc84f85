package emulator

import (
	"math/rand"
	"net/netip"
	"sync"
	"time"
)

// A Shaper decides what becomes of a packet: how much later it arrives than
// the path's delay says, or that it does not.
type Shaper func(*Packet) (extra time.Duration, drop bool)

// A Path is what lies between the client and one address of the server.
type Path struct {
	mu     sync.Mutex
	delay  time.Duration // of each direction
	shaper Shaper
	nat    *nat // nil: packets keep their addresses
}

// A nat is what a translating router in the path knows.
type nat struct {
	outside netip.Addr // the client connects to
	server  netip.Addr // where that leads
	client  netip.Addr // who the server believes it talks to
	inside  netip.Addr // the client, known from its first packet
}

// Delay sets the delay of each direction: half of the round trip.
func (p *Path) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Shape sets what becomes of each packet from now on. nil lets them all pass.
func (p *Path) Shape(s Shaper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shaper = s
}

func (p *Path) judge(packet *Packet) (delay time.Duration, drop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shaper == nil {
		return p.delay, false
	}
	extra, drop := p.shaper(packet)
	return p.delay + extra, drop
}

// Lose drops the packets that match, as often as a share of one says.
func Lose(random *rand.Rand, share float64, match func(*Packet) bool) Shaper {
	return func(p *Packet) (time.Duration, bool) { return 0, match(p) && random.Float64() < share }
}

// LoseNth drops the n-th packet that matches, counted from 1, and no other.
func LoseNth(n int, match func(*Packet) bool) Shaper {
	return func(p *Packet) (time.Duration, bool) {
		if !match(p) {
			return 0, false
		}
		n--
		return 0, n == 0
	}
}

// Blackhole drops everything for a time that begins with the first packet that
// matches.
func Blackhole(length time.Duration, match func(*Packet) bool) Shaper {
	var end time.Duration
	return func(p *Packet) (time.Duration, bool) {
		if end == 0 && match(p) {
			end = p.At + length
		}
		return 0, p.At < end
	}
}

// DataTo matches the packets of a direction that carry bytes of the stream.
func DataTo(d Direction) func(*Packet) bool {
	return func(p *Packet) bool { return p.Dir == d && p.Data() }
}

// Any matches every packet.
func Any(*Packet) bool { return true }
