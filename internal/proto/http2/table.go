package http2

import "slices"

const (
	defaultTable = 4096     // bytes, until an update says otherwise (RFC 9113 section 6.5.2)
	maxTable     = 64 << 10 // the largest table that is kept
	entrySize    = 32       // what an entry counts beside its strings (RFC 7541 section 4.1)
)

// A table is the dynamic table of one direction (RFC 7541 section 2.3.2).
//
// Entries are named by how many were inserted after them, so a table that does
// not begin with the first insertion is right as far as it goes: what is older
// than it is unknown. For the same reason it may hold more than the encoder does.
// The limit follows the updates in the header blocks, of which the announced
// SETTINGS_HEADER_TABLE_SIZE is only a bound.
type table struct {
	buf     []byte  // the strings of the entries, oldest first
	entries []entry // oldest first
	gone    int     // entries at the front that were evicted
	size    int     // as the encoder counts it
	limit   int
}

// An entry is a field; its name and its value follow each other in buf.
type entry struct {
	at, name, value uint32
	unnamed         bool // its name was a reference to an unknown entry
}

// at returns the field with index i, counted from the newest; ok is false when
// it is not known.
func (t *table) at(i uint64) (f field, ok bool) {
	n := len(t.entries)
	if i >= uint64(n-t.gone) {
		return field{}, false
	}
	e := &t.entries[n-1-int(i)]
	value := e.at + e.name
	return field{
		name: t.buf[e.at:value:value], value: t.buf[value : value+e.value : value+e.value],
		unnamed: e.unnamed,
	}, true
}

// insert adds f and evicts what has no room any more (RFC 7541 section 4.4).
func (t *table) insert(f *field) {
	size := len(f.name) + len(f.value) + entrySize
	t.shrink(t.limit - size)
	if size > t.limit {
		return
	}
	at := len(t.buf)
	t.buf = append(append(t.buf, f.name...), f.value...)
	t.entries = append(t.entries, entry{uint32(at), uint32(len(f.name)), uint32(len(f.value)), f.unnamed})
	t.size += size
}

// resize is a dynamic table size update (RFC 7541 section 6.3).
func (t *table) resize(limit uint64) {
	t.limit = int(min(limit, maxTable))
	t.shrink(t.limit)
}

// shrink evicts the oldest entries until no more than size is left.
func (t *table) shrink(size int) {
	for t.size > max(size, 0) {
		e := &t.entries[t.gone]
		t.size -= int(e.name+e.value) + entrySize
		t.gone++
	}
	if t.gone > len(t.entries)/2 {
		t.entries = slices.Delete(t.entries, 0, t.gone)
		t.gone = 0
	}
}

// tidy gives the room of evicted strings back. Fields that were returned point
// into it, so it may be called only before a block is read.
func (t *table) tidy() {
	if len(t.entries) == t.gone {
		t.buf = t.buf[:0]
		return
	}
	dead := t.entries[t.gone].at
	if int(dead) < len(t.buf)/2 {
		return
	}
	t.buf = t.buf[:copy(t.buf, t.buf[dead:])]
	for i := t.gone; i < len(t.entries); i++ {
		t.entries[i].at -= dead
	}
}

// forget makes all entries unknown: insertions were lost, so nothing tells how
// many came after which. The limit may have changed too.
func (t *table) forget() { *t = table{limit: maxTable} }
