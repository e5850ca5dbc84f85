package ebpfreceiver

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// An ebpfReceiver is the receiver of one configuration. The Collector holds it
// once per signal, and starts and stops it as often: the first call counts.
type ebpfReceiver struct {
	cfg    *Config
	set    receiver.Settings
	kernel kernel
	forget func() // makes the factory forget this receiver

	traces  consumer.Traces  // nil without a traces pipeline
	metrics consumer.Metrics // nil without a metrics pipeline

	status status

	start    sync.Once
	startErr error
	session  *session // nil when there are no probes

	stop    sync.Once
	stopErr error
}

// Start opens the probes and begins to deliver.
func (r *ebpfReceiver) Start(_ context.Context, host component.Host) error {
	r.status.attach(host)
	r.start.Do(func() { r.startErr = r.begin() })
	return r.startErr
}

func (r *ebpfReceiver) begin() error {
	probes, err := r.kernel.open(r.probeConfig())
	if err != nil {
		return r.withoutProbes(fmt.Errorf("opening the probes: %w", err))
	}
	r.session, err = newSession(r, probes)
	if err != nil {
		_ = probes.Close() // the first error says more
		return err
	}
	r.session.run()
	return nil
}

// probeConfig leaves out of the kernel what would only become metrics when
// nobody takes metrics.
func (r *ebpfReceiver) probeConfig() probe.Config {
	c := r.cfg.probeConfig()
	c.Health = c.Health && r.metrics != nil
	c.Unprobed = func(path string, err error) {
		r.set.Logger.Warn("cannot see all that a TLS library encrypts", zap.String("path", path), zap.Error(err))
	}
	return c
}

// withoutProbes does what the error mode says when there are no probes.
func (r *ebpfReceiver) withoutProbes(err error) error {
	if r.cfg.ErrorMode == Propagate {
		return err
	}
	r.set.Logger.Error("running without probes", zap.Error(err))
	r.status.report(componentstatus.NewPermanentErrorEvent(err))
	return nil
}

// Shutdown delivers what waits and detaches the probes.
func (r *ebpfReceiver) Shutdown(ctx context.Context) error {
	r.stop.Do(func() {
		r.forget()
		if r.session != nil {
			r.stopErr = r.session.close(ctx)
		}
	})
	return r.stopErr
}
