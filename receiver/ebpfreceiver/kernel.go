package ebpfreceiver

import (
	"context"
	"net/netip"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/nat"
	"github.com/edf076de/ebpfreceiver/internal/pipeline"
	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// A kernel makes what a session is built of. Tests bring their own.
type kernel struct {
	open        func(probe.Config) (probes, error)
	openNAT     func() (translator, error)
	newPipeline func(pipeline.Config) runner
}

// probes are the kernel side at work: *probe.Probes.
type probes interface {
	Source() event.Source
	Verdict(conn uint64, v event.Verdict)
	LookForTLS(pid uint32)
	Health() ([]health.Series, error)
	ForgetHealth(pid uint32)
	States() []probe.State
	Losses() []probe.Loss
	MemoryBytes() uint64
	Close() error
}

// A translator knows addresses beyond a translation: *nat.Table.
type translator interface {
	Translated(netns uint32, local, remote netip.AddrPort) (nat.Translation, error)
	Close() error
}

// A runner turns records into telemetry: *pipeline.Pipeline.
type runner interface {
	Run(context.Context) error
	Losses() []pipeline.Count
	Totals() pipeline.Totals
}

var production = kernel{
	open: func(c probe.Config) (probes, error) {
		p, err := probe.Open(c)
		if err != nil {
			return nil, err // and not a probes that holds a nil pointer
		}
		return p, nil
	},
	openNAT: func() (translator, error) {
		t, err := nat.Open()
		if err != nil {
			return nil, err
		}
		return t, nil
	},
	newPipeline: func(c pipeline.Config) runner { return pipeline.New(c) },
}
