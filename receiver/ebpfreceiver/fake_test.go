package ebpfreceiver

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/nat"
	"github.com/edf076de/ebpfreceiver/internal/pipeline"
	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// A fakeKernel stands in for the probes and the pipeline of one receiver.
type fakeKernel struct {
	openErr error
	runErr  error // ends the run at once
	atEnd   func(pipeline.Config)

	healthErr error
	natErr    error

	mu      sync.Mutex
	natOpen int
	states  []probe.State
	opened  []probe.Config
	closed  int
	config  pipeline.Config
}

func (k *fakeKernel) kernel() kernel {
	return kernel{open: k.open, openNAT: k.openNAT, newPipeline: k.newPipeline}
}

func (k *fakeKernel) openNAT() (translator, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.natErr != nil {
		return nil, k.natErr
	}
	k.natOpen++
	return fakeNAT{k}, nil
}

func (k *fakeKernel) open(c probe.Config) (probes, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened = append(k.opened, c)
	if k.openErr != nil {
		return nil, k.openErr
	}
	return fakeProbes{k}, nil
}

func (k *fakeKernel) newPipeline(c pipeline.Config) runner {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.config = c
	return fakePipeline{k}
}

func (k *fakeKernel) setStates(states ...probe.State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.states = states
}

// attached returns how many probes were opened and not closed.
func (k *fakeKernel) attached() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.opened) - k.closed
}

// traces does what the pipeline does with finished spans.
func (k *fakeKernel) traces(td ptrace.Traces) { k.pipelineConfig().Traces(context.Background(), td) }

// metrics does what the pipeline does at the end of an interval.
func (k *fakeKernel) metrics(md pmetric.Metrics) {
	k.pipelineConfig().Metrics(context.Background(), md)
}

func (k *fakeKernel) pipelineConfig() pipeline.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.config
}

type fakeProbes struct{ *fakeKernel }

func (p fakeProbes) Source() event.Source          { return silence{} }
func (p fakeProbes) Verdict(uint64, event.Verdict) {}
func (p fakeProbes) LookForTLS(uint32)             {}
func (p fakeProbes) MemoryBytes() uint64           { return 4096 }

func (p fakeProbes) Health() ([]health.Series, error) { return nil, p.healthErr }
func (p fakeProbes) ForgetHealth(uint32)              {}

func (p fakeProbes) States() []probe.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.states
}

func (p fakeProbes) Losses() []probe.Loss {
	return []probe.Loss{{Reason: "ring_full", Part: "request", Count: 3}}
}

func (p fakeProbes) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed++
	return nil
}

// fakeNAT says that every peer is another.
type fakeNAT struct{ *fakeKernel }

var otherPeer = netip.MustParseAddrPort("10.0.0.2:8080")

func (fakeNAT) Translated(uint32, netip.AddrPort, netip.AddrPort) (nat.Translation, error) {
	return nat.Translation{Remote: otherPeer}, nil
}

func (n fakeNAT) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.natOpen--
	return nil
}

// silence is a source without records.
type silence struct{}

func (silence) Drain(func([]byte)) error { return io.EOF }
func (silence) Wait(time.Duration) error { return nil }
func (silence) Wake()                    {}

type fakePipeline struct{ *fakeKernel }

func (p fakePipeline) Run(ctx context.Context) error {
	if p.runErr != nil {
		return p.runErr
	}
	<-ctx.Done()
	if p.atEnd != nil {
		p.atEnd(p.pipelineConfig())
	}
	return nil
}

func (p fakePipeline) Losses() []pipeline.Count {
	return []pipeline.Count{{Reason: "gap", Part: "http1", N: 2}}
}

func (p fakePipeline) Totals() pipeline.Totals {
	return pipeline.Totals{Records: 10, Exchanges: map[string]uint64{"http1": 5}, Connections: 1,
		Carriers: conn.Carriers{Seen: 6, Unseen: 7, Opaque: 8}}
}

// A fakeHost remembers the status it is told.
type fakeHost struct {
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *fakeHost) GetExtensions() map[component.ID]component.Component { return nil }

func (h *fakeHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// requireStatus checks what the host was told, in order.
func (h *fakeHost) requireStatus(t *testing.T, want ...componentstatus.Status) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var got []componentstatus.Status
	for _, e := range h.events {
		got = append(got, e.Status())
	}
	require.Equal(t, want, got)
}

func (h *fakeHost) lastError() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[len(h.events)-1].Err()
}

var (
	errNoBTF  = errors.New("the kernel has no BTF")
	recvHook  = probe.State{Hook: "recv", Form: "tp_btf/sock_recv_length"}
	sendHook  = probe.State{Hook: "send", Form: "tp_btf/sock_send_length"}
	sendFails = probe.State{Hook: "send", Err: errors.New("permission denied")}
)
