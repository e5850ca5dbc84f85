// Package emulator is the network between a client and a server: two TUN
// devices in namespaces of their own, and packets that pass from one to the
// other in user space. It delays and drops what it is told to, and writes down
// when each packet came and went: the ground truth of what the network did.
package emulator

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// An Emulator forwards packets until it is closed. Its state belongs to the
// thread that forwards: who held a lock might have to wait for a processor, and
// all packets with it.
type Emulator struct {
	devices [2]int // file descriptors, by the direction of what is read there
	bell    int    // an eventfd: there is an errand
	errands chan func()
	ended   chan struct{}

	paths   map[netip.Addr]*Path // by the address the client connects to
	nats    map[netip.Addr]*Path // by the address the server answers to
	waiting []waiting            // ordered by due
	flows   map[Flow][]*Packet
	late    []time.Duration
	refused int
	closed  bool
}

// waiting is a packet on its way.
type waiting struct {
	due    time.Duration
	raw    []byte
	packet *Packet
}

// New starts to forward between the device of the client and that of the server.
func New(client, server int) (*Emulator, error) {
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an eventfd: %w", err)
	}
	e := &Emulator{
		devices: [2]int{Up: client, Down: server}, bell: bell,
		errands: make(chan func(), queued), ended: make(chan struct{}),
		paths: map[netip.Addr]*Path{}, nats: map[netip.Addr]*Path{}, flows: map[Flow][]*Packet{},
	}
	go e.forward()
	return e, nil
}

// Close stops the forwarding. The devices are the caller's.
func (e *Emulator) Close() {
	e.do(func() { e.closed = true })
	<-e.ended
	_ = unix.Close(e.bell)
}

// do has the forwarding thread run an errand.
func (e *Emulator) do(errand func()) {
	done := make(chan struct{})
	e.errands <- func() { errand(); close(done) }
	_, _ = unix.Write(e.bell, binary.NativeEndian.AppendUint64(nil, 1))
	<-done
}

// queued is how many errands may wait.
const queued = 16

// Path returns the path to an address of the server.
func (e *Emulator) Path(to netip.Addr) (p *Path) {
	e.do(func() { p = e.path(to) })
	return p
}

func (e *Emulator) path(to netip.Addr) *Path {
	p, ok := e.paths[to]
	if !ok {
		p = &Path{}
		e.paths[to] = p
	}
	return p
}

// Translate puts a router into the path to an address: what goes there arrives
// at the server's, and seems to come from the client's.
func (e *Emulator) Translate(outside, server, client netip.Addr) {
	e.do(func() {
		p := e.path(outside)
		p.nat = &nat{outside: outside, server: server, client: client}
		e.nats[client] = p
	})
}

// Trace returns the packets of a connection so far, in the order they came.
func (e *Emulator) Trace(f Flow) (trace []Packet) {
	e.do(func() {
		trace = make([]Packet, len(e.flows[f]))
		for i, p := range e.flows[f] {
			trace[i] = *p
		}
	})
	return trace
}

// Lateness returns how much later than intended packets arrived: the middle
// one, the one of a hundred and the worst.
func (e *Emulator) Lateness() (median, hundredth, worst time.Duration) {
	var late []time.Duration
	e.do(func() { late = slices.Clone(e.late) })
	if len(late) == 0 {
		return 0, 0, 0
	}
	slices.Sort(late)
	n := len(late)
	return late[n/2], late[n*99/100], late[n-1]
}

// Refused returns how many packets the kernel did not take.
func (e *Emulator) Refused() (n int) {
	e.do(func() { n = e.refused })
	return n
}

// longestWait is how long the emulator sleeps at most when nothing happens.
const longestWait = time.Second

// mtu is the size of the largest packet, and more.
const mtu = 2048

// forward runs on a thread of its own that goes before others: the programs
// and the receiver share the processors with it.
func (e *Emulator) forward() {
	defer close(e.ended)
	runtime.LockOSThread()
	goFirst()
	wait := longestWait
	for !e.closed {
		e.sleep(wait)
		e.take(Up)
		e.take(Down)
		wait = e.deliver()
		e.runErrands()
	}
}

func (e *Emulator) runErrands() {
	for {
		select {
		case errand := <-e.errands:
			errand()
		default:
			return
		}
	}
}

// goFirst has the calling thread run as soon as it can. Where that is not
// allowed, Lateness shows it.
func goFirst() {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK,
	}, 0)
}

func (e *Emulator) sleep(wait time.Duration) {
	fds := []unix.PollFd{
		{Fd: int32(e.devices[Up]), Events: unix.POLLIN},
		{Fd: int32(e.devices[Down]), Events: unix.POLLIN},
		{Fd: int32(e.bell), Events: unix.POLLIN},
	}
	timeout := unix.NsecToTimespec(int64(wait))
	_, _ = unix.Ppoll(fds, &timeout, nil)
	if fds[2].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(e.bell, count[:])
	}
}

// burst is how many packets are taken before those that are due are delivered.
const burst = 8

// take reads what waits in a device.
func (e *Emulator) take(d Direction) {
	for range burst {
		raw := make([]byte, mtu)
		n, err := unix.Read(e.devices[d], raw)
		if err != nil || n <= 0 {
			return
		}
		e.route(d, raw[:n])
	}
}

// route writes down a packet and puts it on its way, or drops it.
func (e *Emulator) route(d Direction, raw []byte) {
	now := Now()
	src, dst, packet, ok := parse(raw)
	if !ok {
		return
	}
	path, flow := e.find(d, src, dst)
	packet.Dir, packet.At, packet.Flow = d, now, flow
	if packet.TCP {
		e.flows[flow] = append(e.flows[flow], &packet)
	}
	delay, drop := path.judge(&packet)
	if drop {
		return
	}
	path.translate(d, raw)
	w := waiting{due: now + delay, raw: raw, packet: &packet}
	at, _ := slices.BinarySearchFunc(e.waiting, w.due+1, func(o waiting, due time.Duration) int { return cmp.Compare(o.due, due) })
	e.waiting = slices.Insert(e.waiting, at, w)
}

// find returns the path of a packet and its connection as the client sees it.
func (e *Emulator) find(d Direction, src, dst netip.AddrPort) (*Path, Flow) {
	if d == Up {
		path := e.path(dst.Addr())
		if path.nat != nil {
			path.nat.inside = src.Addr()
		}
		return path, Flow{src, dst}
	}
	if path := e.nats[dst.Addr()]; path != nil {
		return path, Flow{netip.AddrPortFrom(path.nat.inside, dst.Port()), netip.AddrPortFrom(path.nat.outside, src.Port())}
	}
	return e.path(src.Addr()), Flow{dst, src}
}

func (p *Path) translate(d Direction, raw []byte) {
	switch {
	case p.nat == nil:
	case d == Up:
		readdress(raw, sourceAt, p.nat.client)
		readdress(raw, destination, p.nat.server)
	default:
		readdress(raw, sourceAt, p.nat.outside)
		readdress(raw, destination, p.nat.inside)
	}
}

// deliver gives the packets that are due to the other device, and returns how
// long the next has time.
func (e *Emulator) deliver() time.Duration {
	for len(e.waiting) > 0 {
		now, w := Now(), e.waiting[0]
		if w.due > now {
			return min(w.due-now, longestWait)
		}
		e.waiting = e.waiting[1:]
		e.late = append(e.late, now-w.due)
		w.packet.Out = now
		if _, err := unix.Write(e.devices[w.packet.Dir.Other()], w.raw); err != nil {
			w.packet.Out = 0
			e.refused++
		}
	}
	return longestWait
}

// Now returns the time of CLOCK_MONOTONIC.
func Now() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}
