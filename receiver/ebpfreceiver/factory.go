package ebpfreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver/internal/metadata"
)

// NewFactory returns the factory of the receiver.
func NewFactory() receiver.Factory { return newFactory(production) }

func newFactory(k kernel) receiver.Factory {
	s := newShared(k)
	return receiver.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		receiver.WithTraces(s.createTraces, metadata.TracesStability),
		receiver.WithMetrics(s.createMetrics, metadata.MetricsStability),
	)
}

func (s *shared) createTraces(
	_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces,
) (receiver.Traces, error) {
	r := s.of(set, cfg.(*Config))
	r.traces = next
	return r, nil
}

func (s *shared) createMetrics(
	_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics,
) (receiver.Metrics, error) {
	r := s.of(set, cfg.(*Config))
	r.metrics = next
	return r, nil
}
