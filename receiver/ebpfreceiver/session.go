package ebpfreceiver

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/edf076de/ebpfreceiver/internal/pipeline"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver/internal/metadata"
)

// The bounds of a shutdown: together less than the 2 s it may take.
const (
	flushTime   = 1500 * time.Millisecond // for what waits to be delivered
	abandonTime = 300 * time.Millisecond  // for deliveries under way to give up
)

// A session is a receiver at work, from Start to Shutdown.
type session struct {
	log       *zap.Logger
	status    *status
	probes    probes
	nat       translator // nil: nobody asks, or it could not be opened
	lacks     error      // what was asked for and could not be opened
	pipeline  runner
	delivery  *delivery
	telemetry *metadata.TelemetryBuilder

	working context.Context // while records are read
	finish  context.CancelFunc
	abandon context.CancelFunc // of the deliveries
	done    chan struct{}      // closed when nothing of it runs any more
}

func newSession(r *ebpfReceiver, p probes) (*session, error) {
	delivery, err := newDelivery(r.set)
	if err != nil {
		return nil, err
	}
	s := &session{log: r.set.Logger, status: &r.status, probes: p, delivery: delivery, done: make(chan struct{})}

	// The deliveries outlive the reading: the last ones are made while stopping.
	var delivering context.Context
	s.working, s.finish = context.WithCancel(context.Background())
	delivering, s.abandon = context.WithCancel(context.Background())

	s.openNAT(r)
	c := r.pipelineConfig(delivering, p, delivery)
	c.Translated = s.translated()
	s.pipeline = r.kernel.newPipeline(c)
	if s.telemetry, err = newTelemetry(r.set, s); err != nil {
		_ = s.closeNAT() // the first error says more
	}
	return s, err
}

func (r *ebpfReceiver) pipelineConfig(delivering context.Context, p probes, d *delivery) pipeline.Config {
	host, _ := os.Hostname() // without a name the resources have none
	c := pipeline.Config{
		Source:         p.Source(),
		Protocols:      all.Protocols(all.Config{HTTP: r.cfg.HTTP.protocolConfig()}),
		Verdict:        p.Verdict,
		Opaque:         p.LookForTLS,
		Host:           host,
		Scope:          metadata.ScopeName,
		Version:        version(r.set.BuildInfo),
		Interval:       r.cfg.CollectionInterval,
		MaxConnections: r.cfg.Limits.MaxConnections,
		MaxSeries:      r.cfg.Limits.MaxSeries,
		MetricsOff:     r.cfg.Metrics.off(),
		ForgetHealth:   p.ForgetHealth,
	}
	if r.probeConfig().Health {
		c.Health = logged(r.set.Logger, p.Health)
	}
	if r.cfg.Latency.Enabled && attachedHook(p.States(), probe.SegmentHook) {
		c.Latency = &pipeline.Latency{Slow: r.cfg.Latency.Threshold}
	}
	if next := r.traces; next != nil {
		c.Traces = func(_ context.Context, td ptrace.Traces) { d.traces(delivering, next, td) }
	}
	if next := r.metrics; next != nil {
		c.Metrics = func(_ context.Context, md pmetric.Metrics) { d.metrics(delivering, next, md) }
	}
	return c
}

// attachedHook reports whether a hook of the kernel side is at work.
func attachedHook(states []probe.State, name string) bool {
	return slices.ContainsFunc(states, func(s probe.State) bool { return s.Hook == name && s.Form != "" })
}

// run works in the background until close.
func (s *session) run() {
	s.log.Info("observing", zap.Any("hooks", forms(s.probes.States())))
	var working sync.WaitGroup
	working.Go(s.read)
	working.Go(s.watch)
	go func() { working.Wait(); close(s.done) }()
}

func (s *session) read() {
	err := s.pipeline.Run(s.working)
	if s.working.Err() != nil {
		return
	}
	err = errors.Join(errors.New("the records ended"), err)
	s.log.Error("no longer observing", zap.Error(err))
	s.status.report(componentstatus.NewPermanentErrorEvent(err))
}

// close delivers what waits, for a bounded time, and detaches the probes.
func (s *session) close(ctx context.Context) error {
	s.finish()
	s.wait(ctx, flushTime)
	s.abandon()
	idle := s.wait(context.Background(), abandonTime)

	s.telemetry.Shutdown() // before the probes: its callbacks read them
	err := errors.Join(s.probes.Close(), s.closeNAT())
	if !idle {
		err = errors.Join(err, errors.New("the next consumer did not return; what it held is lost"))
	}
	return err
}

// wait waits for the session to be done and reports whether it is.
func (s *session) wait(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-s.done:
		return true
	case <-ctx.Done():
		return false
	}
}
