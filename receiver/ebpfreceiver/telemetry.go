package ebpfreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/receiver/ebpfreceiver/internal/metadata"
)

// An observer reads a session for the Collector's own metrics. The receiver's
// ID is on every point: two receivers may share a meter.
type observer struct {
	*session
	id attribute.KeyValue
}

func newTelemetry(set receiver.Settings, s *session) (*metadata.TelemetryBuilder, error) {
	b, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	o := observer{s, attribute.String("receiver", set.ID.String())}
	return b, errors.Join(
		b.RegisterEbpfConnectionsCallback(o.connections),
		b.RegisterEbpfExchangesCallback(o.exchanges),
		b.RegisterEbpfKernelMemoryCallback(o.memory),
		b.RegisterEbpfLostCallback(o.lost),
		b.RegisterEbpfProbeAttachedCallback(o.attached),
		b.RegisterEbpfRecordsCallback(o.records),
		b.RegisterEbpfTLSConnectionsCallback(o.carriers),
		b.RegisterEbpfTLSConnectionsOpaqueCallback(o.opaque),
	)
}

func (o observer) with(attrs ...attribute.KeyValue) metric.ObserveOption {
	return metric.WithAttributes(append(attrs, o.id)...)
}

func (o observer) connections(_ context.Context, out metric.Int64Observer) error {
	out.Observe(o.pipeline.Totals().Connections, o.with())
	return nil
}

func (o observer) records(_ context.Context, out metric.Int64Observer) error {
	out.Observe(int64(o.pipeline.Totals().Records), o.with())
	return nil
}

func (o observer) exchanges(_ context.Context, out metric.Int64Observer) error {
	for protocol, n := range o.pipeline.Totals().Exchanges {
		out.Observe(int64(n), o.with(attribute.String("protocol", protocol)))
	}
	return nil
}

func (o observer) carriers(_ context.Context, out metric.Int64Observer) error {
	n := o.pipeline.Totals().Carriers
	out.Observe(int64(n.Seen), o.with(attribute.String("plaintext", "seen")))
	out.Observe(int64(n.Unseen), o.with(attribute.String("plaintext", "unseen")))
	return nil
}

func (o observer) opaque(_ context.Context, out metric.Int64Observer) error {
	out.Observe(int64(o.pipeline.Totals().Carriers.Opaque), o.with())
	return nil
}

func (o observer) memory(_ context.Context, out metric.Int64Observer) error {
	out.Observe(int64(o.probes.MemoryBytes()), o.with())
	return nil
}

func (o observer) attached(_ context.Context, out metric.Int64Observer) error {
	for _, state := range o.probes.States() {
		out.Observe(attachedValue(state), o.with(attribute.String("hook", state.Hook), attribute.String("form", formName(state))))
	}
	return nil
}

func attachedValue(s probe.State) int64 {
	if s.Form == "" {
		return 0
	}
	return 1
}

func formName(s probe.State) string {
	if s.Form == "" {
		return "none"
	}
	return s.Form
}

func (o observer) lost(_ context.Context, out metric.Int64Observer) error {
	for kind, n := range o.losses() {
		out.Observe(n, o.with(
			attribute.String("stage", kind.stage),
			attribute.String("reason", kind.reason),
			attribute.String("part", kind.part),
		))
	}
	return nil
}

// losses gathers what every stage lost.
func (s *session) losses() map[loss]int64 {
	all := losses{n: s.delivery.lost.counts()}
	for _, l := range s.probes.Losses() {
		all.add(loss{stageKernel, l.Reason, l.Part}, int(l.Count))
	}
	for _, l := range s.pipeline.Losses() {
		all.add(loss{stagePipeline, l.Reason, l.Part}, int(l.N))
	}
	return all.n
}
