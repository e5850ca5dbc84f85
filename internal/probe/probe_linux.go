package probe

import (
	"errors"

	"github.com/edf076de/ebpfreceiver/internal/event"
)

// Probes is the kernel side at work.
type Probes struct{}

// Open loads and attaches what c asks for. Its error names what is missing: a
// capability, BTF, a hook.
func Open(c Config) (*Probes, error) { return nil, errors.New("not built yet") }

// Source returns the records. It may be used by one goroutine.
func (p *Probes) Source() event.Source { return nil }

// Mute stops the capture of a connection.
func (p *Probes) Mute(conn uint64) {}

// States returns what became of every hook.
func (p *Probes) States() []State { return nil }

// Losses returns what could not be delivered, by reason and part.
func (p *Probes) Losses() []Loss { return nil }

// MemoryBytes returns what the BPF maps take of kernel memory.
func (p *Probes) MemoryBytes() uint64 { return 0 }

// Close detaches everything. The source returns io.EOF from then on.
func (p *Probes) Close() error { return nil }
