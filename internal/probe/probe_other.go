//go:build !linux

package probe

import (
	"errors"
	"runtime"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/health"
)

// Probes is the kernel side at work.
type Probes struct{}

// Open fails: eBPF programs run only on Linux.
func Open(Config) (*Probes, error) {
	return nil, errors.New("the ebpf receiver runs only on Linux, not on " + runtime.GOOS)
}

// Source returns nil.
func (*Probes) Source() event.Source { return nil }

// Verdict does nothing.
func (*Probes) Verdict(uint64, event.Verdict) {}

// LookForTLS does nothing.
func (*Probes) LookForTLS(uint32) {}

// States returns nil.
func (*Probes) States() []State { return nil }

// Losses returns nil.
func (*Probes) Losses() []Loss { return nil }

// Health returns nil.
func (*Probes) Health() ([]health.Series, error) { return nil, nil }

// ForgetHealth does nothing.
func (*Probes) ForgetHealth(uint32) {}

// MemoryBytes returns 0.
func (*Probes) MemoryBytes() uint64 { return 0 }

// Close does nothing.
func (*Probes) Close() error { return nil }
