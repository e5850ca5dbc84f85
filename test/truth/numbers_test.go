//go:build linux

package truth

import (
	"time"

	"github.com/edf076de/ebpfreceiver/test/truth/programs"
)

// A number is what an attribute must say: anything from low to high, give or
// take the tolerance of a time.
type number struct {
	key       string
	low, high float64
	slack     float64
	may       bool // be absent
	must      bool // be absent
}

// What a span says of itself besides its attributes.
const (
	startKey = "(start)" // since boot
	endKey   = "(end)"
	sumKey   = "(sum of the parts)"
)

// slackOf is how far a time may be from the truth: programs and emulator note
// their times outside the kernel, on a machine that has other things to do.
func slackOf(seconds float64) float64 { return max(0.005, seconds/10) }

// spread is a time that is known within bounds.
func spread(key string, a, b time.Duration) number {
	low, high := min(a, b).Seconds(), max(a, b).Seconds()
	return number{key: key, low: low, high: high, slack: slackOf(high)}
}

func exactly(key string, d time.Duration) number { return spread(key, d, d) }

// moment is a time since boot: how long that is says nothing of its error.
func moment(key string, d time.Duration) number {
	n := exactly(key, d)
	n.slack = slackOf(0)
	return n
}

func counted(key string, low, high int) number {
	return number{key: key, low: float64(low), high: float64(high)}
}

func absent(key string) number { return number{key: key, must: true} }

func (n number) optional() number { n.may = true; return n }

// serverNumbers are what the server's span must say.
func (g *ground) serverNumbers() []number {
	req, resp := &g.served.Request, &g.served.Response
	begin, unread := g.requestArrival(), g.up.unread(reads(req))
	numbers := append(g.queues(begin, unread),
		moment(startKey, begin), moment(endKey, resp.Last()),
		piecemeal(req.Last()-begin-unread),
		exactly("ebpf.latency.application", resp.First()-req.Last()),
		exactly("ebpf.latency.send_queue", writing(resp)),
		g.delivery(),
		counted("ebpf.tcp.zero_windows", g.down.shut(begin, resp.Last()), g.down.shut(begin, forever)),
		srtt(g.down, resp.Last()),
	)
	return append(numbers, resends(g.down, resp)...)
}

const forever = time.Duration(1 << 62)

func (g *ground) requestArrival() time.Duration { return g.up.arrival(g.served.Request.From + 1) }

// piecemeal is the time in which the server waited for more of the request. The
// span need not speak of a request that came at once.
func piecemeal(d time.Duration) number {
	n := exactly("ebpf.latency.request_transfer", d)
	n.may = d < ms
	return n
}

// queues are the times in which the server had not taken what was there. Until
// its connection is accepted, a request waits for that.
func (g *ground) queues(begin, unread time.Duration) []number {
	accepted := g.served.Accepted
	if accepted == 0 {
		return []number{absent("ebpf.latency.accept_queue"), exactly("ebpf.latency.receive_queue", unread)}
	}
	queued := min(max(0, accepted-begin), unread)
	return []number{exactly("ebpf.latency.accept_queue", queued), exactly("ebpf.latency.receive_queue", unread-queued)}
}

// delivery is known only when the acknowledgement came before the export.
func (g *ground) delivery() number {
	acked, _ := g.down.acked(g.served.Response.To)
	if acked == 0 || !g.complete() {
		return absent("ebpf.latency.delivery")
	}
	return exactly("ebpf.latency.delivery", max(0, acked-g.served.Response.Last())).optional()
}

// resends are what the side that sent a message knows of its losses. What is
// sent again after the end of the span may be told or not.
func resends(w *way, m *programs.Message) []number {
	var during, all int
	var timers, sum time.Duration
	for _, r := range w.resent(m.From, m.To) {
		all++
		sum += r.waited
		if r.at <= m.Last() {
			during++
			if r.waited >= leastTimeout {
				timers += r.waited
			}
		}
	}
	return []number{
		counted("ebpf.tcp.retransmits", during, all),
		spread("ebpf.tcp.rto_time", timers, sum),
	}
}

// leastTimeout is less than the kernel waits at least before a timer sends again.
const leastTimeout = 190 * time.Millisecond

// clientNumbers are what the client's span must say.
func (g *ground) clientNumbers() []number {
	req, resp := &g.sent.Request, &g.sent.Response
	if !g.complete() {
		return g.setUp()
	}
	arrived, unread := g.down.arrival(resp.From+1), g.down.unread(reads(resp))
	numbers := append(g.setUp(), g.answering(arrived)...)
	numbers = append(numbers,
		moment(startKey, req.First()), moment(endKey, resp.Last()),
		exactly("ebpf.latency.response_transfer", resp.Last()-arrived-unread),
		exactly("ebpf.latency.receive_queue", unread),
		counted("ebpf.tcp.zero_windows", g.up.shut(req.First(), resp.Last()), g.up.shut(req.First(), forever)),
		srtt(g.up, resp.Last()),
	)
	return append(numbers, g.clientResends()...)
}

// clientResends: the client's span ends with the response, so all that is sent
// again before is told. The first request of a connection may also be charged
// with the SYNs that were.
func (g *ground) clientResends() []number {
	m := g.sent.Request
	m.Steps = append(m.Steps[:len(m.Steps):len(m.Steps)], programs.Step{Done: g.sent.Response.Last()})
	numbers := resends(g.up, &m)
	if g.sent.Connect[1] > 0 {
		count, sum := g.up.resentSYN()
		numbers[0].high += float64(count)
		numbers[1].high += sum.Seconds()
	}
	return numbers
}

// setUp is what the first request of a connection paid for it.
func (g *ground) setUp() []number {
	reused := g.sent.Connect[1] == 0
	numbers := []number{{key: "ebpf.connection.reused", low: number01(reused), high: number01(reused)}}
	if reused {
		return append(numbers, absent("ebpf.latency.connect"), absent("ebpf.latency.dns"))
	}
	// The emulator may see the SYN late, the client its own success.
	measured := g.sent.Connect[1] - g.sent.Connect[0]
	numbers = append(numbers, spread("ebpf.latency.connect", g.connecting(), measured))
	if g.sent.Lookup[1] == 0 {
		return append(numbers, absent("ebpf.latency.dns"))
	}
	return append(numbers, exactly("ebpf.latency.dns", g.sent.Lookup[1]-g.sent.Lookup[0]))
}

func number01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// answering is the time until the response began: the client sent, the request
// was on its way, the server had it. When the acknowledgement of
// the request came with it, nobody knows how much of that the way took.
func (g *ground) answering(arrived time.Duration) []number {
	req := &g.sent.Request
	pauses := req.Last() - req.First() - writing(req)
	begin := req.First() + pauses
	acked, withData := g.up.acked(req.To)
	numbers := []number{exactly("ebpf.latency.application", pauses)}
	numbers[0].may = len(req.Steps) == 1
	if withData || acked > arrived {
		return append(numbers, absent("ebpf.latency.request_delivery"), exactly("ebpf.latency.remote", arrived-begin).optional())
	}
	return append(numbers, exactly("ebpf.latency.request_delivery", acked-begin), exactly("ebpf.latency.remote", arrived-acked))
}

// srtt is a mean of what a side measured, so it lies between the extremes. The
// kernel also measures how long its packets waited for the emulator.
func srtt(w *way, until time.Duration) number {
	least, most := w.roundTrips(until)
	n := spread("ebpf.tcp.srtt", least, most)
	n.slack = 0.010
	return n
}
