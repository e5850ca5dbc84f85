// Package names remembers which name a process looked up to get an address, to
// name the peers of the connections it makes with it.
package names

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// A name is remembered as long as the TTL says, within these bounds. A TTL of
// zero still means the connection that is made next; the other bound is what
// resolvers hold themselves to.
const (
	minTTL = time.Second
	maxTTL = 24 * time.Hour
)

// A Lookup is how a process came to know an address.
type Lookup struct {
	Name       string        // the one it asked for, whatever that is an alias of
	Start, End time.Duration // since boot (CLOCK_MONOTONIC)
	Thread     uint32        // that asked
}

// A Table holds a bounded number of lookups. One goroutine uses it.
type Table struct {
	max, n int
	procs  map[uint32]map[netip.Addr]entry

	nAsked int // names in all processes
	asked  map[uint32]map[string]asked
}

type entry struct {
	Lookup
	until time.Duration
	names []string // that led to the address, the last first; at most recent
}

// recent is how many names of one address a process may look up at a time, and
// each connection still be known to have waited for its own.
const recent = 16

// New returns a table of at most max addresses.
func New(max int) *Table {
	return &Table{max: max, procs: make(map[uint32]map[netip.Addr]entry), asked: make(map[uint32]map[string]asked)}
}

// Learn remembers that a process was told that l.Name has the address addr. The
// last name of an address counts.
func (t *Table) Learn(pid uint32, addr netip.Addr, l Lookup, ttl time.Duration) {
	addr = addr.Unmap()
	if _, known := t.procs[pid][addr]; !known {
		if t.n >= t.max {
			t.shrink(l.End)
		}
		t.n++
	}
	if t.procs[pid] == nil {
		t.procs[pid] = make(map[netip.Addr]entry)
	}
	e := t.procs[pid][addr]
	e.Lookup, e.until = l, l.End+min(max(ttl, minTTL), maxTTL)
	e.learn(l.Name)
	t.procs[pid][addr] = e
}

// learn makes name the last that led to the address.
func (e *entry) learn(name string) {
	i := slices.Index(e.names, name)
	if i < 0 {
		if len(e.names) < recent {
			e.names = append(e.names, "")
		}
		i = len(e.names) - 1
	}
	copy(e.names[1:i+1], e.names[:i])
	e.names[0] = name
}

// Of returns the lookup that gave a process the address it uses at the time at.
func (t *Table) Of(pid uint32, addr netip.Addr, at time.Duration) (Lookup, bool) {
	e, ok := t.procs[pid][addr.Unmap()]
	if !ok || at < e.End || at >= e.until {
		return Lookup{}, false
	}
	return e.Lookup, true
}

// Last returns the name by which a process last came to know an address, if it is
// remembered, whether or not it still holds.
func (t *Table) Last(pid uint32, addr netip.Addr) string { return t.procs[pid][addr.Unmap()].Name }

// Forget drops what is known of a process.
func (t *Table) Forget(pid uint32) {
	t.n -= len(t.procs[pid])
	delete(t.procs, pid)
	t.nAsked -= len(t.asked[pid])
	delete(t.asked, pid)
}

// Len is how many addresses are known.
func (t *Table) Len() int { return t.n }

// shrink drops what has expired, and at least a sixteenth: what expires first.
func (t *Table) shrink(now time.Duration) {
	type named struct {
		pid   uint32
		addr  netip.Addr
		until time.Duration
	}
	all := make([]named, 0, t.n)
	for pid, addresses := range t.procs {
		for addr, e := range addresses {
			all = append(all, named{pid, addr, e.until})
		}
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.until, b.until) })
	for i, e := range all {
		if e.until > now && i > len(all)/16 {
			break
		}
		delete(t.procs[e.pid], e.addr)
		if len(t.procs[e.pid]) == 0 {
			delete(t.procs, e.pid)
		}
		t.n--
	}
}
