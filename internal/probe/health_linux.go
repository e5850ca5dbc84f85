package probe

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/health"
)

// A process that has exited is forgotten after patience, for nobody may say so:
// its exit is told only if the process was.
const patience = 5 * time.Minute

// healthReader reads the tallies of bpf/health.bpf.c.
type healthReader struct {
	settle                         *attached // the iterator that brings the tallies up to date
	tallies, vars, procs, departed *ebpf.Map

	mu       sync.Mutex
	round    uint64 // of the present collection
	freed    uint64 // tallies
	known    map[uint32][]bpf.RawSeries
	exited   map[uint32]time.Time          // and not forgotten
	leaving  map[uint32]bool               // forgotten since the last collection
	leftover [len(transports)]bpf.RawTally // of processes that were
}

// newHealthReader returns nil when the hooks are not attached, or the iterator
// is refused, without which only what ended would be told.
func newHealthReader(l *loader) *healthReader {
	if !l.hasAttached("health_destroy_tp") {
		return nil
	}
	it, section, err := l.attachProgram(connHealth, "health_iter", l.consts)
	l.states = append(l.states, State{Hook: "health_collect", Form: section, Err: err})
	if err != nil {
		l.states[len(l.states)-1].Form = ""
		return nil
	}
	return &healthReader{
		settle: it, tallies: l.shared["tallies"], vars: l.shared["health_vars"], procs: l.shared["procs"],
		departed: l.shared["departed"], exited: make(map[uint32]time.Time), leaving: make(map[uint32]bool),
	}
}

// Health returns how connections fared since Open, those that live included. It
// is nil when the kernel does not take the hooks or they were not asked for.
func (p *Probes) Health() ([]health.Series, error) {
	if p.health == nil {
		return nil, nil
	}
	return p.health.read(time.Now())
}

// ForgetHealth frees the series of a process that has exited. What its sockets
// still come to, which may outlive it, is told without a process from then on.
func (p *Probes) ForgetHealth(pid uint32) {
	if p.health != nil {
		p.health.forget(pid)
	}
}

func (h *healthReader) read(now time.Time) ([]health.Series, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.round++
	if err := h.vars.Put(uint32(bpf.RawHealthVarHEALTH_ROUND), h.round); err != nil {
		return nil, fmt.Errorf("beginning a collection of connection health: %w", err)
	}
	if err := h.settle.run(); err != nil {
		return nil, fmt.Errorf("settling the sockets: %w", err)
	}
	all, err := h.readTallies()
	if err != nil {
		return nil, fmt.Errorf("reading connection health: %w", err)
	}
	h.notice(now)
	return all, nil
}

func (h *healthReader) readTallies() (all []health.Series, err error) {
	var (
		key   bpf.RawSeries
		tally bpf.RawTally
		last  [len(transports)]bpf.RawTally
		dead  []bpf.RawSeries
	)
	h.known = make(map[uint32][]bpf.RawSeries)
	entries := h.tallies.Iterate()
	for entries.Next(&key, &tally) {
		if tally.Round != h.round {
			tally.Active = 0
		}
		switch {
		case key.Tgid == 0:
			last[key.Transport] = tally
		case h.leaving[key.Tgid] && !h.lives(key.Tgid): // what its sockets came to before they were taken from it
			tally.Active = 0
			h.leftover[key.Transport] = sum(h.leftover[key.Transport], tally)
			dead = append(dead, key)
		default:
			h.known[key.Tgid] = append(h.known[key.Tgid], key)
			all = append(all, series(key, tally))
		}
	}
	if err := entries.Err(); err != nil {
		return nil, err
	}
	h.free(dead)
	h.left()
	for transport := range last {
		if t := sum(last[transport], h.leftover[transport]); t != (bpf.RawTally{}) {
			all = append(all, series(bpf.RawSeries{Transport: uint8(transport), Overflow: 1}, t))
		}
	}
	return all, nil
}

// notice forgets processes that exited some time ago.
func (h *healthReader) notice(now time.Time) {
	for pid := range h.known {
		switch since, exited := h.exited[pid]; {
		case h.lives(pid):
			delete(h.exited, pid)
		case !exited:
			h.exited[pid] = now
		case now.Sub(since) > patience:
			h.drop(pid)
		}
	}
}

// lives reports whether the kernel side knows a process.
func (h *healthReader) lives(pid uint32) bool {
	var record procRecord
	return !errors.Is(h.procs.Lookup(pid, &record), ebpf.ErrKeyNotExist)
}

func (h *healthReader) forget(pid uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(pid)
}

// drop frees the tallies of a process. Its sockets may live on: the next
// collection takes them from it. When too many leave at once theirs stay the
// process', which has a number and nothing else then.
func (h *healthReader) drop(pid uint32) {
	if h.departed.Put(pid, monotonic()) == nil {
		h.leaving[pid] = true
	}
	h.free(h.known[pid])
	delete(h.known, pid)
	delete(h.exited, pid)
}

// left ends a collection: no socket is of a process any more that left before it.
func (h *healthReader) left() {
	for pid := range h.leaving {
		_ = h.departed.Delete(pid) // it is there
	}
	clear(h.leaving)
}

// monotonic returns the time since boot in nanoseconds, as the kernel side reads it.
func monotonic() uint64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it does not fail for this clock
	return uint64(t.Nano())
}

func (h *healthReader) free(keys []bpf.RawSeries) {
	for _, key := range keys {
		if h.tallies.Delete(key) == nil && key.Overflow == 0 { // those of what has no room are not counted
			h.freed++
		}
	}
	_ = h.vars.Put(uint32(bpf.RawHealthVarHEALTH_TALLIES_FREED), h.freed) // fails only when closed
}

func (h *healthReader) close() {
	if h != nil {
		_ = h.settle.Close() // nothing was written
	}
}

// sum adds all fields of two tallies: they are all numbers of 64 bits.
func sum(a, b bpf.RawTally) bpf.RawTally {
	const n = unsafe.Sizeof(a) / 8
	to, from := (*[n]uint64)(unsafe.Pointer(&a)), (*[n]uint64)(unsafe.Pointer(&b))
	for i := range to {
		to[i] += from[i]
	}
	return a
}
