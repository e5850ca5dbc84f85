package names

import (
	"net/netip"
	"time"
)

// A Question is one that a process asked about a name, and how long it took.
type Question struct {
	Name, Type string
	Start, End time.Duration // since boot (CLOCK_MONOTONIC)
	Answered   bool          // else it was given up at End
}

// asked holds the last questions about one name that no connection is known to
// have waited for, the oldest first.
type asked []Question

const (
	maxAsked = 16
	// together is how close two questions of one look-up, for the two kinds of
	// addresses, are to each other.
	together = 10 * time.Millisecond
	// again is how soon a question is asked again that was given up.
	again = 50 * time.Millisecond
	// soon is how soon after the answer a connection must begin to have waited.
	soon = 100 * time.Millisecond
)

// Asked notes a question that a process no longer waits for.
func (t *Table) Asked(pid uint32, q Question) {
	names := t.asked[pid]
	if names == nil {
		names = make(map[string]asked)
		t.asked[pid] = names
	}
	list, known := names[q.Name]
	if !known {
		if t.nAsked >= t.max { // all but the last are too old to be of use
			clear(t.asked)
			names = make(map[string]asked)
			t.asked[pid], t.nAsked = names, 0
		}
		t.nAsked++
	}
	names[q.Name] = list.add(q)
}

// add appends q. If it repeats one that was given up, it takes its place.
func (a asked) add(q Question) asked {
	for i := range a {
		if was := &a[i]; !was.Answered && was.Type == q.Type && q.Start-was.End <= again && was.End-q.Start <= again {
			q.Start = was.Start
			a = a.without(i)
			break
		}
	}
	if len(a) >= maxAsked {
		a = a.without(0)
	}
	return append(a, q)
}

func (a asked) without(i int) asked { return append(a[:i], a[i+1:]...) }

// Waited returns how long a process waited for the name of addr before it began
// to connect to it. Of the questions that may have been it, each counts for one
// connection. Whether the answer is out of date by then does not matter: its
// resolver waited for another one too.
func (t *Table) Waited(pid uint32, addr netip.Addr, connect time.Duration) (time.Duration, bool) {
	for _, name := range t.procs[pid][addr.Unmap()].names {
		if list := t.asked[pid][name]; len(list) > 0 {
			if took, rest, ok := list.before(connect); ok {
				t.asked[pid][name] = rest
				return took, true
			}
		}
	}
	return 0, false
}

// before takes the look-up that ended last before a time: one question, or two
// that were asked together.
func (a asked) before(at time.Duration) (took time.Duration, rest asked, ok bool) {
	last := -1
	for i, q := range a {
		if q.Answered && q.End <= at && at-q.End <= soon && (last < 0 || q.End > a[last].End) {
			last = i
		}
	}
	if last < 0 {
		return 0, a, false
	}
	q := a[last]
	a = a.without(last)
	start := q.Start
	for i, other := range a {
		if d := other.Start - q.Start; other.Type != q.Type && d <= together && d >= -together && other.End <= at {
			start = min(start, other.Start)
			a = a.without(i)
			break
		}
	}
	return q.End - start, a, true
}
