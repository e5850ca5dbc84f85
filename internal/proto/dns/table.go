package dns

import (
	"net/netip"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A lookup is a question that waits for its answer.
type lookup struct {
	key
	question
	origin  Origin
	opcode  uint8
	start   time.Duration
	thread  uint32
	resends int64 // how often it was asked before

	shared   bool // another like it waits: which of them an answer is for cannot be told
	doubtful bool // its answer may have been lost, or nobody waits for one any more

	abandoned time.Duration // when it became so; zero: unknown

	older, newer *lookup
}

// key finds the lookups an answer may be for. The question and the socket decide.
type key struct {
	process uint32
	id      uint16
	side    proto.Side
}

// An Origin says whose lookup an exchange is.
type Origin struct {
	Owner         any    // of the process, as the datagram said
	Socket        uint64 // names it
	Local, Remote netip.AddrPort
}

// A table holds the lookups that wait, in the order they were asked.
type table struct {
	transport string // network.transport
	resends   bool   // the same question again means that the client no longer waits for the first
	max       int
	emit      func(*Origin, *proto.Exchange)

	waiting        map[key][]*lookup
	n              int
	oldest, newest *lookup

	builder builder
}

// ask adds the question of m; full reports that the oldest one had to go for it.
func (t *table) ask(m *message, k key, o *Origin, at time.Duration, thread uint32) (full bool) {
	l := &lookup{key: k, question: m.question, origin: *o, opcode: m.opcode, start: at, thread: thread}
	t.again(l)
	if full = t.n >= t.max; full {
		t.remove(t.oldest)
	}
	if t.waiting == nil {
		t.waiting = make(map[key][]*lookup)
	}
	t.waiting[k] = append(t.waiting[k], l)
	t.n++
	if l.older = t.newest; l.older != nil {
		l.older.newer = l
	} else {
		t.oldest = l
	}
	t.newest = l
	return full
}

// again looks for lookups that ask the same as l with the same ID. A client that
// asks again has given up the first; a server's may be those of two clients.
func (t *table) again(l *lookup) {
	for i := 0; i < len(t.waiting[l.key]); i++ {
		was := t.waiting[l.key][i]
		switch {
		case !was.same(&l.question):
		case t.resends && l.side == proto.Client:
			l.resends = was.resends + 1
			t.unanswered(was, l.start, errTimeout, 0)
			i--
		case was.origin.Socket == l.origin.Socket && was.sameRemote(l.origin.Remote):
			was.shared, l.shared = true, true
		}
	}
}

// sameRemote reports whether a lookup may be of the peer r. The kernel does not
// know the peer of every datagram when it tells of it.
func (l *lookup) sameRemote(r netip.AddrPort) bool {
	return !l.origin.Remote.IsValid() || !r.IsValid() || l.origin.Remote == r
}

// answer ends the lookup that m answers, if there is one.
func (t *table) answer(m *message, k key, o *Origin, at time.Duration) bool {
	var found *lookup
	for _, l := range t.waiting[k] {
		switch {
		case l.origin.Socket != o.Socket || !l.sameRemote(o.Remote):
		case m.kind == 0 && found != nil:
			return false // it repeats no question, and may be the answer to either
		case m.kind == 0 || m.same(&l.question):
			found = l // the newest: an older one like it is likelier to have been dropped
		}
	}
	if found == nil {
		return false
	}
	if !found.origin.Remote.IsValid() {
		found.origin.Remote = o.Remote
	}
	t.remove(found)
	if m.short {
		t.abandon(found, at)
	}
	t.emit(&found.origin, t.builder.answered(t, found, m, at))
	return true
}

// unanswered ends a lookup without an answer.
func (t *table) unanswered(l *lookup, at time.Duration, err string, capture proto.Capture) {
	t.remove(l)
	if l.doubtful {
		err, capture = "", capture|proto.NoResponse
		if l.abandoned > 0 {
			at = l.abandoned
		}
	}
	t.emit(&l.origin, t.builder.unanswered(t, l, at, err, capture))
}

// all ends every lookup without an answer.
func (t *table) all(at time.Duration, err string, capture proto.Capture) {
	for t.oldest != nil {
		t.unanswered(t.oldest, at, err, capture)
	}
}

// doubt says that answers to any of the lookups may have been lost.
func (t *table) doubt() {
	t.each(func(*lookup) bool { return true }, func(l *lookup) { l.doubtful = true })
}

// abandon doubts the other lookups of a socket whose client was told to ask
// again over TCP: glibc then asks all it wants to know there.
func (t *table) abandon(told *lookup, at time.Duration) {
	t.each(func(l *lookup) bool {
		return l.process == told.process && l.side == proto.Client && l.origin.Socket == told.origin.Socket
	}, func(l *lookup) { l.doubtful, l.abandoned = true, at })
}

// each calls do, which may remove it, with every lookup that matches, the oldest first.
func (t *table) each(match func(*lookup) bool, do func(*lookup)) {
	for l := t.oldest; l != nil; {
		next := l.newer
		if match(l) {
			do(l)
		}
		l = next
	}
}

func (t *table) remove(l *lookup) {
	t.n--
	if l.older != nil {
		l.older.newer = l.newer
	} else {
		t.oldest = l.newer
	}
	if l.newer != nil {
		l.newer.older = l.older
	} else {
		t.newest = l.older
	}
	list := t.waiting[l.key]
	for i, other := range list {
		if other == l {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(t.waiting, l.key)
	} else {
		t.waiting[l.key] = list
	}
}
