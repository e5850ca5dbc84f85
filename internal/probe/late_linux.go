package probe

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// late holds the closes that found no room in the ring: late_closes of bpf/tcp.bpf.c.
type late struct {
	closes *ebpf.Map
	count  *ebpf.Variable // changes with each entry
	seen   uint32
}

// drain calls take with every close that waits. What came before a close has
// been read when the ring is empty.
func (l *late) drain(take func([]byte)) error {
	var count uint32
	if err := l.count.Get(&count); err != nil {
		return fmt.Errorf("reading the count of late closes: %w", err)
	}
	if count == l.seen {
		return nil
	}
	l.seen = count
	var conn uint64
	var record []byte
	var conns []uint64
	entries := l.closes.Iterate()
	for entries.Next(&conn, &record) {
		take(record)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		_ = l.closes.Delete(conn) // it is there: only this deletes
	}
	return nil // an iteration cut short by changes goes on at the next change
}
