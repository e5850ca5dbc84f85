// Package pipeline is the one place that knows the whole flow: records of the
// kernel come in, traces and metrics go out.
//
// One goroutine reads the source and gives every record to a lane, chosen by
// the process it belongs to. A lane is one goroutine that puts bytes in order,
// parses, and builds spans and histograms, without locks below it. Every
// interval one more goroutine has the lanes deliver their metrics, and brings
// them what the kernel counted of connections. Two more deliver, so that a slow
// consumer holds up nothing: what it cannot take is dropped and counted, and the
// metrics stay exact.
package pipeline

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// Config is what a pipeline is made of.
type Config struct {
	Source    event.Source
	Protocols []*proto.Protocol
	Verdict   func(conn uint64, v event.Verdict) // tells the kernel side what to do with a connection

	Host           string        // host.name of every resource
	Scope, Version string        // of the instrumentation scope
	Interval       time.Duration // between two deliveries of metrics
	MaxConnections int
	MaxSeries      int             // of each metric
	MetricsOff     map[string]bool // names of the metrics nobody wants
	Lanes          int             // 0: by the number of processors

	// Health returns what the kernel has counted of connections since the start,
	// in memory of the caller's own; nil: nothing. ForgetHealth frees what it
	// keeps of a process that has exited; the lanes call it.
	Health       func() ([]health.Series, error)
	ForgetHealth func(pid uint32)

	// Translated returns the addresses of a TCP connection beyond a translation
	// (NAT), invalid ones where nothing is translated; nil: nobody looks. The lanes
	// call it once for each connection. It returns within a few milliseconds.
	Translated func(netns uint32, local, remote netip.AddrPort) (beyondLocal, beyondRemote netip.AddrPort, err error)

	// Opaque is told the processes whose connections of TLS carried nothing that was
	// seen: they may use a library nobody knows of. It returns at once; nil: nobody.
	Opaque func(pid uint32)

	// Latency says to split the time of spans; nil when the kernel side does not
	// tell what that needs.
	Latency *Latency

	// Traces and Metrics deliver to the next consumers; nil when there is none.
	// They may block for a bounded time and own what they are given. Each is
	// called from one goroutine.
	Traces  func(context.Context, ptrace.Traces)
	Metrics func(context.Context, pmetric.Metrics)

	// Offset is what makes a time since boot one since the Unix epoch; nil: the clocks of this host.
	Offset func() time.Duration
}

// Latency is how spans are judged.
type Latency struct {
	Slow time.Duration // what is shorter is nobody's fault
}

// A Pipeline reads a source and feeds the consumers.
type Pipeline struct {
	cfg     Config
	lanes   []*lane
	traces  *outlet[ptrace.Traces]
	metrics *outlet[pmetric.Metrics]
	records atomic.Uint64
	unread  atomic.Uint64 // collections without health because the kernel did not tell
}

// New returns a pipeline that does nothing until Run.
func New(c Config) *Pipeline {
	if c.Offset == nil {
		c.Offset = (&clock{read: hostClocks}).Offset
	}
	if c.Lanes == 0 {
		c.Lanes = defaultLanes()
	}
	p := &Pipeline{
		cfg:     c,
		traces:  newOutlet(c.Traces, ptrace.Traces.SpanCount),
		metrics: newOutlet(c.Metrics, pmetric.Metrics.DataPointCount),
	}
	for range c.Lanes {
		p.lanes = append(p.lanes, newLane(p))
	}
	return p
}

// Run works until the source ends or ctx is cancelled, then delivers what it has.
func (p *Pipeline) Run(ctx context.Context) error {
	// Delivery outlives ctx: what was gathered before the end is delivered too.
	deliver := context.WithoutCancel(ctx)
	var outlets sync.WaitGroup
	outlets.Go(func() { p.traces.run(deliver) })
	outlets.Go(func() { p.metrics.run(deliver) })
	err := p.work(ctx)
	p.traces.close()
	p.metrics.close()
	outlets.Wait()
	return err
}

// work reads the source to its end and has the lanes handle and deliver all of it.
func (p *Pipeline) work(ctx context.Context) error {
	var lanes, collector sync.WaitGroup
	for _, l := range p.lanes {
		lanes.Go(l.run)
	}
	collecting, stop := context.WithCancel(context.WithoutCancel(ctx))
	collector.Go(func() { p.collect(collecting) })
	defer context.AfterFunc(ctx, p.cfg.Source.Wake)()
	err := p.read(ctx)
	stop()
	collector.Wait()
	for _, l := range p.lanes {
		close(l.in)
	}
	lanes.Wait()
	for i, share := range p.shares() {
		p.lanes[i].collect(share)
	}
	return err
}

// maxWait is how long the source may sleep without a record.
const maxWait = 2 * time.Second

// read moves records from the source to the lanes.
func (p *Pipeline) read(ctx context.Context) error {
	for {
		err := p.cfg.Source.Drain(p.dispatch)
		for _, l := range p.lanes {
			l.send(true)
		}
		if err == nil && ctx.Err() == nil {
			err = p.cfg.Source.Wait(maxWait)
		}
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}

// dispatch gives a record to its process' lane.
func (p *Pipeline) dispatch(record []byte) {
	p.records.Add(1)
	l := p.lanes[p.laneOf(event.PID(record))]
	l.filling.add(record)
	if l.filling.full() {
		l.send(false)
	}
}

func (p *Pipeline) laneOf(pid uint32) int { return int(pid % uint32(len(p.lanes))) }
