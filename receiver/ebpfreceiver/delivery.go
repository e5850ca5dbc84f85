package ebpfreceiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
)

// The bounds of a delivery. There is no sender to push back to: a consumer that
// refuses for longer costs data, and the loss is counted.
const (
	deliveryTime = 5 * time.Second
	firstPause   = time.Millisecond
	longestPause = time.Second
)

const dataFormat = "ebpf" // in the Collector's own spans

// A delivery hands telemetry to the next consumers and counts what they refuse.
type delivery struct {
	log  *zap.Logger
	obs  *receiverhelper.ObsReport
	lost losses
}

func newDelivery(set receiver.Settings) (*delivery, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             set.ID,
		Transport:              "ebpf",
		LongLivedCtx:           true,
		ReceiverCreateSettings: set,
	})
	return &delivery{log: set.Logger, obs: obs}, err
}

func (d *delivery) traces(ctx context.Context, next consumer.Traces, td ptrace.Traces) {
	ctx = d.obs.StartTracesOp(ctx)
	spans := td.SpanCount() // read now: the consumer owns td
	waiting := spans
	err := insist(ctx, func(ctx context.Context) error {
		err := next.ConsumeTraces(ctx, td)
		if part, ok := errors.AsType[consumererror.Traces](err); ok {
			td = part.Data() // the others were taken
			waiting = td.SpanCount()
		}
		return err
	})
	d.obs.EndTracesOp(ctx, dataFormat, spans, err)
	d.count("traces", waiting, err)
}

func (d *delivery) metrics(ctx context.Context, next consumer.Metrics, md pmetric.Metrics) {
	ctx = d.obs.StartMetricsOp(ctx)
	points := md.DataPointCount()
	waiting := points
	err := insist(ctx, func(ctx context.Context) error {
		err := next.ConsumeMetrics(ctx, md)
		if part, ok := errors.AsType[consumererror.Metrics](err); ok {
			md = part.Data()
			waiting = md.DataPointCount()
		}
		return err
	})
	d.obs.EndMetricsOp(ctx, dataFormat, points, err)
	d.count("metrics", waiting, err)
}

// insist consumes until it succeeds, fails for good, or has taken too long.
func insist(ctx context.Context, consume func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTime)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := consume(ctx)
		if err == nil || consumererror.IsPermanent(err) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// count counts n items of a signal as lost when err says so.
func (d *delivery) count(signal string, n int, err error) {
	if err == nil {
		return
	}
	reason := "refused_for_too_long"
	if consumererror.IsPermanent(err) {
		reason = "refused"
	}
	d.lost.add(loss{stageConsumer, reason, signal}, n)
	d.log.Warn("the next consumer refused data", zap.String("signal", signal), zap.Int("items", n), zap.Error(err))
}
