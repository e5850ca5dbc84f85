package names

import (
	"net/netip"
	"time"
)

// A wait is the time a process spent on the questions for one name: one after
// the other or at once, answered or not.
type wait struct {
	start, end time.Duration
	charged    bool
}

const (
	// together is how soon after the end of one question another for the same
	// name belongs to the same wait.
	together = 50 * time.Millisecond
	// soon is how soon after the wait a connection must begin to have waited.
	soon = 100 * time.Millisecond
)

// Asked notes that a process asked for a name from start to end.
func (t *Table) Asked(pid uint32, name string, start, end time.Duration) {
	waits := t.waits[pid]
	if waits == nil {
		waits = make(map[string]wait)
		t.waits[pid] = waits
	}
	w, known := waits[name]
	if !known && t.waiting >= t.max { // all of them are old but a few
		clear(t.waits)
		waits = map[string]wait{}
		t.waits[pid], t.waiting = waits, 0
	}
	if !known {
		t.waiting++
	}
	if !known || w.charged || start > w.end+together || end < w.start-together {
		w = wait{start: start, end: end}
	}
	waits[name] = wait{start: min(w.start, start), end: max(w.end, end)}
}

// Waited returns how long a process waited for the name of addr before it began
// to connect to it, and whether this connection is the first to have waited.
func (t *Table) Waited(pid uint32, addr netip.Addr, connect time.Duration) (time.Duration, bool) {
	l, ok := t.Of(pid, addr, connect)
	if !ok {
		return 0, false
	}
	w, ok := t.waits[pid][l.Name]
	if !ok || w.charged || w.start > connect || connect > w.end+soon {
		return 0, false
	}
	w.charged = true
	t.waits[pid][l.Name] = w
	return min(w.end, connect) - w.start, true
}
