package probe

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// Execs reads execs of bpf/process.bpf.c: processes with a new executable.
type Execs struct{ reader *ringbuf.Reader }

// NewExecs opens the map.
func NewExecs(m *ebpf.Map) (*Execs, error) {
	r, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, fmt.Errorf("opening the ring of new executables: %w", err)
	}
	return &Execs{r}, nil
}

// Next waits for a process. It fails when closed.
func (e *Execs) Next() (pid uint32, err error) {
	r, err := e.reader.Read()
	if err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint32(r.RawSample), nil
}

// Close ends the wait.
func (e *Execs) Close() error { return e.reader.Close() }
