package ebpfreceiver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var errBusy = errors.New("busy")

// refusing refuses with err until it was called often enough.
type refusing struct {
	times, calls int
	err          error
}

func (c *refusing) consume() error {
	c.calls++
	if c.calls <= c.times {
		return c.err
	}
	return nil
}

func deliverTraces(t *testing.T, consume consumer.ConsumeTracesFunc, td ptrace.Traces) *delivery {
	t.Helper()
	d, err := newDelivery(nopSettings)
	require.NoError(t, err)
	next, err := consumer.NewTraces(consume)
	require.NoError(t, err)
	d.traces(t.Context(), next, td)
	return d
}

func TestDeliveryRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := refusing{times: 5, err: errBusy}
		before := time.Now()
		d := deliverTraces(t, func(context.Context, ptrace.Traces) error { return c.consume() }, oneSpan())
		assert.Equal(t, 6, c.calls)
		assert.Equal(t, 31*time.Millisecond, time.Since(before))
		assert.Empty(t, d.lost.counts())
	})
}

func TestDeliveryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := refusing{times: 1000, err: errBusy}
		before := time.Now()
		d := deliverTraces(t, func(context.Context, ptrace.Traces) error { return c.consume() }, oneSpan())
		assert.Equal(t, deliveryTime, time.Since(before))
		assert.Equal(t, map[loss]int64{{"consumer", "refused_for_too_long", "traces"}: 1}, d.lost.counts())
	})
}

func TestDeliveryDropsOnPermanentError(t *testing.T) {
	c := refusing{times: 1000, err: consumererror.NewPermanent(errBusy)}
	d := deliverTraces(t, func(context.Context, ptrace.Traces) error { return c.consume() }, oneSpan())
	assert.Equal(t, 1, c.calls)
	assert.Equal(t, map[loss]int64{{"consumer", "refused", "traces"}: 1}, d.lost.counts())
}

// A consumer that took a part is offered the rest only.
func TestDeliveryOffersTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for range 3 {
			spans.AppendEmpty()
		}
		var offered []int
		d := deliverTraces(t, func(_ context.Context, td ptrace.Traces) error {
			offered = append(offered, td.SpanCount())
			if len(offered) == 1 {
				return consumererror.NewTraces(errBusy, oneSpan())
			}
			return consumererror.NewPermanent(errBusy)
		}, td)
		assert.Equal(t, []int{3, 1}, offered)
		assert.Equal(t, map[loss]int64{{"consumer", "refused", "traces"}: 1}, d.lost.counts())
	})
}

func TestDeliveryOfMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := newDelivery(nopSettings)
		require.NoError(t, err)
		c := refusing{times: 2, err: consumererror.NewMetrics(errBusy, onePoint())}
		next, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return c.consume() })
		require.NoError(t, err)
		d.metrics(t.Context(), next, onePoint())
		assert.Equal(t, 3, c.calls)
		assert.Empty(t, d.lost.counts())

		c = refusing{times: 1, err: consumererror.NewPermanent(errBusy)}
		d.metrics(t.Context(), next, onePoint())
		assert.Equal(t, map[loss]int64{{"consumer", "refused", "metrics"}: 1}, d.lost.counts())
	})
}

func onePoint() pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(1)
	return md
}
