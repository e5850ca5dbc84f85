package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// While records flow the ring is read every busyInterval; a wake-up for each
// would cost the observed programs microseconds. When it was empty for
// idleAfter rounds the reader sleeps until the first record wakes it, so that an
// idle reader costs nothing.
const (
	busyInterval = 10 * time.Millisecond
	idleAfter    = 10
	drainRecords = 8192 // a ring that fills as fast as it is read must not hold up the rest
)

// ring is the ring buffer as a source.
type ring struct {
	reader *ringbuf.Reader
	idle   *ebpf.Variable // reader_idle of bpf/include/wakeup.h
	late   late
	record ringbuf.Record
	early  bool // record was read by sleep and not taken yet
	full   bool // the last Drain stopped before the ring was empty
	empty  int  // rounds in a row that found nothing
	closed atomic.Bool
}

func newRing(events *ebpf.Map, idle *ebpf.Variable, l late) (*ring, error) {
	r, err := ringbuf.NewReader(events)
	if err != nil {
		return nil, err
	}
	return &ring{reader: r, idle: idle, late: l}, nil
}

// Drain calls take with every record that waits.
func (r *ring) Drain(take func([]byte)) error {
	if r.closed.Load() {
		return io.EOF
	}
	r.empty++
	if r.early {
		r.early, r.empty = false, 0
		take(r.record.RawSample)
	}
	r.reader.SetDeadline(time.Unix(1, 0)) // read what is there, never wait
	r.full = false
	for range drainRecords {
		if err := r.reader.ReadInto(&r.record); err != nil {
			return errors.Join(readError(err), r.late.drain(take))
		}
		r.empty = 0
		take(r.record.RawSample)
	}
	r.full = true
	return nil
}

// readError is nil when the ring was only empty, or the wait was ended.
func readError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, ringbuf.ErrFlushed):
		return nil
	case errors.Is(err, ringbuf.ErrClosed):
		return io.EOF
	}
	return fmt.Errorf("reading the ring buffer: %w", err)
}

// Wait sleeps until Drain is worth calling, at most limit.
func (r *ring) Wait(limit time.Duration) error {
	if r.closed.Load() {
		return io.EOF
	}
	switch {
	case r.full:
		return nil
	case r.empty < idleAfter:
		time.Sleep(busyInterval)
		return nil
	}
	return r.sleep(limit)
}

// sleep waits for the first record or the end of limit.
func (r *ring) sleep(limit time.Duration) error {
	if err := r.idle.Set(uint32(1)); err != nil {
		return fmt.Errorf("asking to be woken: %w", err)
	}
	defer func() { _ = r.idle.Set(uint32(0)) }() // it could be set, so it can be cleared
	r.reader.SetDeadline(time.Now().Add(limit))
	if r.reader.AvailableBytes() > 0 { // since the last Drain, and not told to wake
		return nil
	}
	if err := r.reader.ReadInto(&r.record); err != nil {
		return readError(err)
	}
	r.early = true
	return nil
}

// Wake ends the sleep.
func (r *ring) Wake() { _ = r.reader.Flush() } // fails only when closed, and then nobody sleeps

func (r *ring) close() error {
	r.closed.Store(true)
	return r.reader.Close()
}
