package ebpfreceiver

import (
	"strconv"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// A generator of telemetry in place of the pipeline, which calls each of the
// consumers from one goroutine.
type generator struct {
	mu   sync.Mutex
	n    int
	send func(id string)
}

func (g *generator) Start() {}
func (g *generator) Stop()  {}

func (g *generator) Generate() []receivertest.UniqueIDAttrVal {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	id := strconv.Itoa(g.n)
	g.send(id)
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
}

func mark(attrs pcommon.Map, id string) { attrs.PutStr(receivertest.UniqueIDAttrName, id) }

func (k *fakeKernel) sendSpan(id string) {
	td := oneSpan()
	mark(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes(), id)
	k.traces(td)
}

func (k *fakeKernel) sendPoint(id string) {
	md := onePoint()
	mark(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).Attributes(), id)
	k.metrics(md)
}

func TestConsumeContract(t *testing.T) {
	for signal, send := range map[pipeline.Signal]func(*fakeKernel, string){
		pipeline.SignalTraces:  (*fakeKernel).sendSpan,
		pipeline.SignalMetrics: (*fakeKernel).sendPoint,
	} {
		t.Run(signal.String(), func(t *testing.T) {
			k := &fakeKernel{}
			receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
				T:             t,
				Factory:       newFactory(k.kernel()),
				Signal:        signal,
				Config:        createDefaultConfig(),
				Generator:     &generator{send: func(id string) { send(k, id) }},
				GenerateCount: 200,
			})
		})
	}
}
