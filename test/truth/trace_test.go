//go:build linux

package truth

import (
	"cmp"
	"slices"
	"time"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
)

// A way is what the emulator saw of the bytes of one direction of a connection.
type way struct {
	dir     emulator.Direction
	start   uint32            // sequence number of the first byte
	packets []emulator.Packet // of both directions, in the order they were sent
	arrived []mark            // how far the stream had come without a gap, and when
	passed  int               // packets that arrived and that the receiver did not take
}

// A mark says that a stream had come so far at a time.
type mark struct {
	at   time.Duration
	upto uint64
}

// wayOf reads the trace of a connection. A trace without a SYN has no bytes.
func wayOf(trace []emulator.Packet, d emulator.Direction) *way {
	w := &way{dir: d, packets: trace}
	for _, p := range trace {
		if p.Dir == d && p.SYN {
			w.start = p.Seq + 1
		}
	}
	w.assemble()
	return w
}

// offset returns the place in the stream of a sequence number near another place.
func (w *way) offset(seq uint32) uint64 { return uint64(seq - w.start) }

// mine reports whether a packet carries bytes of the way.
func (w *way) mine(p *emulator.Packet) bool { return p.Dir == w.dir && p.Data() && !p.SYN }

// assemble puts what was delivered in order, as the receiver does.
func (w *way) assemble() {
	var upto uint64
	early := map[uint64]uint64{} // ends by beginnings, of what came before its turn
	for _, p := range w.delivered(w.dir) {
		if !w.mine(&p) {
			continue
		}
		from := w.offset(p.Seq)
		if from == 0 && w.refused(&p) {
			w.passed++
			continue
		}
		early[from] = max(early[from], from+uint64(p.Payload))
		for moved := true; moved; {
			moved = false
			for from, to := range early {
				if from <= upto {
					delete(early, from)
					moved = moved || to > upto
					upto = max(upto, to)
				}
			}
		}
		w.arrived = append(w.arrived, mark{p.Out, upto})
	}
}

// refused reports whether the receiver did not take the first bytes of a
// connection when they came, because its accept queue had no room: it had not
// acknowledged them when they came again.
func (w *way) refused(p *emulator.Packet) bool {
	acked := forever
	for _, a := range w.packets {
		if a.Dir == w.dir.Other() && a.ACK && int32(a.Acked-p.Seq) > 0 && !a.SYN {
			acked = min(acked, a.At)
		}
	}
	for _, again := range w.packets {
		if w.mine(&again) && again.Seq == p.Seq && again.Out > p.Out && again.Out < acked {
			return true
		}
	}
	return false
}

// delivered returns the packets of a direction that arrived, in the order they did.
func (w *way) delivered(d emulator.Direction) (found []emulator.Packet) {
	for _, p := range w.packets {
		if p.Dir == d && !p.Dropped() {
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b emulator.Packet) int { return cmp.Compare(a.Out, b.Out) })
	return found
}

// arrival returns when the receiver had all bytes up to a place; 0: never.
func (w *way) arrival(upto uint64) time.Duration {
	for _, m := range w.arrived {
		if m.upto >= upto {
			return m.at
		}
	}
	return 0
}

// acked returns when the sender knew that the receiver has all bytes up to a
// place, and whether bytes of the receiver's came with it; 0: never.
func (w *way) acked(upto uint64) (at time.Duration, withData bool) {
	for _, p := range w.delivered(w.dir.Other()) {
		if p.ACK && int32(p.Acked-w.start-uint32(upto)) >= 0 {
			return p.Out, p.Payload > 0
		}
	}
	return 0, false
}

// A resend is a packet whose bytes had been sent before.
type resend struct {
	at, waited time.Duration // since the bytes were sent last
}

// resent returns the packets with bytes of a part of the stream that were sent again.
func (w *way) resent(from, to uint64) (found []resend) {
	var highest uint64
	last := map[uint64]time.Duration{}
	for _, p := range w.packets {
		if !w.mine(&p) {
			continue
		}
		begin := w.offset(p.Seq)
		end := begin + uint64(p.Payload)
		if begin < highest && begin < to && end > from {
			found = append(found, resend{p.At, p.At - last[begin]})
		}
		last[begin] = p.At
		highest = max(highest, end)
	}
	return found
}

// resentSYN returns how many SYNs followed the first, and for how long.
func (w *way) resentSYN() (n int, sum time.Duration) {
	var first time.Duration
	for _, p := range w.packets {
		switch {
		case p.Dir != w.dir || !p.SYN:
		case first == 0:
			first = p.At
		default:
			n, sum = n+1, p.At-first
		}
	}
	return n, sum
}

// lost counts the packets with bytes of a part of the stream that were dropped.
func (w *way) lost(from, to uint64) (n int) {
	for _, p := range w.packets {
		if w.mine(&p) && p.Dropped() && w.offset(p.Seq) < to && w.offset(p.Seq)+uint64(p.Payload) > from {
			n++
		}
	}
	return n
}

// shut counts how often the receiver closed its window in a time.
func (w *way) shut(from, to time.Duration) (n int) {
	closed := false
	for _, p := range w.delivered(w.dir.Other()) {
		zero := p.TCP && p.ACK && !p.SYN && !p.RST && p.Window == 0
		if zero && !closed && p.Out >= from && p.Out <= to {
			n++
		}
		closed = zero
	}
	return n
}

// roundTrips returns the least and the most a sender had to wait for an
// acknowledgement, of all packets until a time that were sent once.
func (w *way) roundTrips(until time.Duration) (least, most time.Duration) {
	for _, p := range w.packets {
		if p.Dir != w.dir || p.At > until || !w.mine(&p) && !p.SYN {
			continue
		}
		end := w.offset(p.Seq) + uint64(p.Payload)
		if p.SYN {
			end = 0
		}
		at, _ := w.acked(end)
		if at == 0 {
			continue
		}
		took := at - p.At
		if least == 0 || took < least {
			least = took
		}
		most = max(most, took)
	}
	return least, most
}

// unread returns how long bytes of a message waited for the receiver to read
// them: the time in which more had arrived than it had read.
func (w *way) unread(m *reading) (sum time.Duration) {
	type change struct {
		at            time.Duration
		arrived, read uint64
	}
	var changes []change
	for _, a := range w.arrived {
		changes = append(changes, change{at: a.at, arrived: min(max(a.upto, m.from), m.to)})
	}
	for _, r := range m.reads {
		changes = append(changes, change{at: r.at, read: r.upto})
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	arrived, read := m.from, m.from
	var since time.Duration
	for _, c := range changes {
		if arrived > read {
			sum += c.at - since
		}
		arrived, read, since = max(arrived, c.arrived), max(read, c.read), c.at
	}
	return sum
}

// A reading is how a program read a message.
type reading struct {
	from, to uint64
	reads    []mark
}
