package event

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A recording is a file of records as the kernel made them: a header, then for
// each record its length as a little-endian uint32 and its bytes. It holds what
// the observed programs sent, and nothing else (clean.go), so only recordings of
// programs made for it belong in a repository.

// magic begins a recording; its last byte is the version of the wire format.
const magic = "ebpfrec\x03"

// maxRecord bounds a record of a recording; the kernel's are smaller.
const maxRecord = 64 << 10

// A Recorder is a Source that writes down what it passes on.
type Recorder struct {
	Source
	w   *bufio.Writer
	err error
}

// NewRecorder returns a Recorder of s that writes to w.
func NewRecorder(s Source, w io.Writer) *Recorder {
	r := &Recorder{Source: s, w: bufio.NewWriter(w)}
	_, r.err = r.w.WriteString(magic)
	return r
}

// Drain passes records on and writes them down.
func (r *Recorder) Drain(take func([]byte)) error {
	err := r.Source.Drain(func(record []byte) {
		r.write(record)
		take(record)
	})
	return errors.Join(err, r.err)
}

func (r *Recorder) write(record []byte) {
	if r.err != nil {
		return
	}
	record = clean(record)
	if _, r.err = r.w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(record)))); r.err == nil {
		_, r.err = r.w.Write(record)
	}
}

// Flush writes what is buffered.
func (r *Recorder) Flush() error { return errors.Join(r.err, r.w.Flush()) }

// A Recording is a Source that plays a recording once, all of it at the first Drain.
type Recording struct {
	r    *bufio.Reader
	done bool
}

// NewRecording returns the recording that r holds.
func NewRecording(r io.Reader) (*Recording, error) {
	b := bufio.NewReader(r)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(b, head); err != nil {
		return nil, fmt.Errorf("reading the recording's header: %w", err)
	}
	if string(head) != magic {
		return nil, fmt.Errorf("not a recording of this version: it begins %q", head)
	}
	return &Recording{r: b}, nil
}

// Drain calls take with every record, then returns nil once and io.EOF ever after.
func (r *Recording) Drain(take func([]byte)) error {
	if r.done {
		return io.EOF
	}
	r.done = true
	var size [4]byte
	for {
		if _, err := io.ReadFull(r.r, size[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a record's length: %w", err)
		}
		n := binary.LittleEndian.Uint32(size[:])
		if n > maxRecord {
			return fmt.Errorf("a record of %d bytes; at most %d", n, maxRecord)
		}
		record := make([]byte, n)
		if _, err := io.ReadFull(r.r, record); err != nil {
			return fmt.Errorf("reading a record of %d bytes: %w", n, err)
		}
		take(record)
	}
}

// Wait does not wait.
func (*Recording) Wait(time.Duration) error { return nil }

// Wake has nobody to wake.
func (*Recording) Wake() {}
