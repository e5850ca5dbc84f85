package pipeline

import (
	crand "crypto/rand"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/correlate"
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/latency"
	"github.com/edf076de/ebpfreceiver/internal/metrics"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/resource"
	"github.com/edf076de/ebpfreceiver/internal/spans"
)

// Spans are delivered when there are spansBatch, or spansDelay after the first.
const (
	spansBatch = 1024
	spansDelay = 50 * time.Millisecond
	// ackDelay is how much longer spans may wait for their responses to be acknowledged.
	ackDelay = 150 * time.Millisecond
)

// defaultLanes leaves half the processors to the consumers and the host.
func defaultLanes() int { return min(max(runtime.GOMAXPROCS(0)/2, 1), 8) }

// A lane handles the processes of one shard, so that nothing in it needs a lock
// but what Losses reads from outside.
type lane struct {
	p       *Pipeline
	in      chan *batch
	free    chan *batch
	filling *batch // owned by the reader

	collections chan collection // the metrics are due

	mu         sync.Mutex // held while a batch is handled, and by who reads the counters
	tracker    *conn.Tracker
	malformed  uint64 // records that could not be decoded
	unmeasured uint64 // exchanges without a true duration, which no histogram has
	unlooked   uint64 // connections whose translation could not be looked up

	event      event.Event
	correlator *correlate.Correlator
	resources  *resource.Cache
	spans      *spans.Builder
	metrics    *metrics.Aggregator
	unacked    waiting
	spansDue   time.Time // zero when no span waits
	now        time.Time // when the batch at hand was begun

	subjects map[uint32]*subject // of the health of connections, by PID
	datagrams
}

func newLane(p *Pipeline) *lane {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	c := p.cfg
	var l *lane
	l = &lane{
		p: p, in: make(chan *batch, batchesLane), free: make(chan *batch, batchesLane), filling: &batch{},
		collections: make(chan collection), subjects: make(map[uint32]*subject),
		correlator: correlate.New(seed),
		resources:  resource.New(c.Host),
		spans:      spans.New(c.Scope, c.Version, c.Offset),
		metrics: metrics.New(metrics.Config{
			Scope: c.Scope, Version: c.Version,
			MaxSeries: (c.MaxSeries + c.Lanes - 1) / c.Lanes, Off: c.MetricsOff,
			Start: time.Now(), Forget: c.ForgetHealth,
			PeerName: func(pid uint32, addr netip.Addr) string { return l.names.Last(pid, addr) },
		}),
	}
	l.tracker = conn.NewTracker(conn.Config{
		Protocols: c.Protocols, Verdict: c.Verdict, Sink: l, Describe: describe, Opaque: c.Opaque,
		MaxConnections: (c.MaxConnections + c.Lanes - 1) / c.Lanes,
		PeerName:       l.peerName,
		Recognised:     l.translate(),
	})
	l.openDatagrams()
	for range batchesLane {
		l.free <- &batch{}
	}
	return l
}

// send hands the records gathered so far to the lane. It waits while the lane is
// behind: then the kernel's ring fills, and counts what it drops.
func (l *lane) send(drained bool) {
	l.filling.drained = drained
	l.in <- l.filling
	l.filling = <-l.free
}

func (l *lane) run() {
	for {
		select {
		case b, ok := <-l.in:
			if !ok {
				l.tracker.Release()
				l.deliverSpans(true)
				return
			}
			l.handle(b)
			b.bytes = b.bytes[:0]
			l.free <- b
			l.deliverSpans(false)
		case c := <-l.collections:
			l.collect(c)
		}
	}
}

func (l *lane) handle(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = time.Now()
	b.each(l.record)
	if b.drained {
		l.tracker.Tick(l.now)
		l.lookups.Expire(l.clock.at(l.now))
	}
}

func (l *lane) record(record []byte) {
	if err := event.Decode(record, &l.event); err != nil {
		l.malformed++
		return
	}
	switch l.event.Kind {
	case event.Datagram:
		l.datagram(&l.event)
		return
	case event.Process:
		if l.tracker.Process(l.event.PID) == nil { // who had that number knows no names any more
			l.names.Forget(l.event.PID)
		}
	}
	l.tracker.Handle(&l.event)
}

// deliverSpans hands over the spans if they are due, or at the end all there are.
func (l *lane) deliverSpans(all bool) {
	if l.spans.Len() == 0 || !all && l.spans.Len() < spansBatch && time.Now().Before(l.due()) {
		return
	}
	l.unacked.clear()
	l.p.traces.put(l.spans.Flush())
	l.spansDue = time.Time{}
}

// due is when the spans are to be delivered: later while a response is on its way.
func (l *lane) due() time.Time {
	if l.unacked.any() {
		return l.spansDue.Add(ackDelay)
	}
	return l.spansDue
}

// collect delivers the metrics.
func (l *lane) collect(c collection) {
	if !l.p.metrics.wanted() {
		return
	}
	if c.told {
		l.metrics.Health(c.at, l.processes(c.series))
	}
	l.dismiss()
	if m := l.metrics.Flush(time.Now()); m.DataPointCount() > 0 {
		l.p.metrics.put(m)
	}
}

// Exchange takes a finished exchange from the tracker.
func (l *lane) Exchange(c *conn.Conn, x *proto.Exchange) {
	r := l.resources.Of(c.Process)
	l.learn(c, x)
	if l.p.traces.wanted() && !x.MetricOnly {
		l.addSpan(r, c, x)
		if l.spansDue.IsZero() {
			l.spansDue = l.now.Add(spansDelay)
		}
		if l.spans.Len() >= spansBatch {
			l.deliverSpans(true)
		}
	}
	if x.Capture&(proto.NoResponse|proto.UnknownEnd) != 0 && c.Protocol.DurationOf(x).Name != "" {
		l.unmeasured++
	}
	if l.p.metrics.wanted() {
		l.metrics.Exchange(r, c, x, l.now)
	}
}

func (l *lane) addSpan(r pcommon.Resource, c *conn.Conn, x *proto.Exchange) {
	place := l.correlator.Place(c, x)
	if l.p.cfg.Latency == nil || x.Course.RequestStart.Time == 0 {
		l.spans.Add(r, place, c, x, 0)
		return
	}
	split := spans.Split{Split: latency.Of(c, x), Slow: l.p.cfg.Latency.Slow}
	if split.Precedes() {
		if took, ok := l.names.Waited(c.Process.PID, c.Remote.Addr(), c.Connect); ok {
			split.Lookup(took)
		}
	}
	attrs := l.spans.Add(r, place, c, x, split.Count())
	if _, told := split.Took(latency.Delivery); !told && x.Side == proto.Server && c.End == conn.Open {
		l.unacked.add(c, attrs, &split)
	} else {
		split.Put(attrs)
	}
}

// Acked takes the acknowledgement of a response from the tracker.
func (l *lane) Acked(c *conn.Conn, at time.Duration, m *proto.Meter) { l.unacked.acked(c, at, m) }

// Gone takes the end of a connection from the tracker.
func (l *lane) Gone(c *conn.Conn) {
	l.unacked.gone(c.ID)
	if c.Plaintext != conn.NotCarried && l.p.metrics.wanted() {
		l.metrics.Carrier(l.resources.Of(c.Process), c, l.now)
	}
}

// Exited takes the end of a process from the tracker.
func (l *lane) Exited(p *process.Info) {
	l.lookups.Exited(p.PID, l.event.Time)
	l.metrics.Exited(p.ID)
	if l.p.cfg.Health != nil {
		l.meet(p) // its connections are still to be collected, and named
		return
	}
	l.resources.Forget(p.ID)
	l.names.Forget(p.PID)
}
