// Package event decodes the records the BPF programs put in the ring buffer, and
// writes and reads recordings of them.
package event

import (
	"time"
	"unsafe"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
)

// A Source yields records in batches: the ring buffer in production, a recording in tests.
type Source interface {
	// Drain calls take with every record that waits. The record is valid during
	// the call. It returns io.EOF after Close, or when a recording has ended.
	Drain(take func(record []byte)) error
	// Wait sleeps until Drain is worth calling, at most limit.
	Wait(limit time.Duration) error
	// Wake ends a Wait under way, or the next one. Any goroutine may call it.
	Wake()
}

// PID returns the process a record belongs to, 0 when it is too short.
func PID(record []byte) uint32 {
	var h bpf.RawWireHeader
	if len(record) < int(unsafe.Sizeof(h)) {
		return 0
	}
	return *(*uint32)(unsafe.Pointer(&record[unsafe.Offsetof(h.Tgid)]))
}
