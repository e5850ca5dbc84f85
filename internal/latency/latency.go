// Package latency says where the time of an exchange went, from what the
// kernel told of its bytes: when they came, waited, were acknowledged and were
// sent again. docs/latency.md has the drawing.
//
// Every part was measured between two observed moments; a part one of whose
// moments was not seen is absent. The parts of a span add up to its duration,
// but for the remainder, which is what no part explains.
package latency

import (
	"math/bits"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Part is one of the places an exchange spends time in.
type Part uint8

// The parts. The first three precede the span: the request waited for them.
const (
	DNS Part = iota
	Connect
	TLS
	AcceptQueue      // a request waited for its connection to be accepted
	ReceiveQueue     // received bytes waited for the program to read them
	RequestTransfer  // a request came in more than one piece
	Application      // the program had what it needed and did not send
	SendQueue        // bytes waited for room in the send buffer
	RequestDelivery  // until the peer had acknowledged the request
	Remote           // until the first byte of the response came
	ResponseTransfer // a response came in more than one piece
	Delivery         // follows the span: until the peer had acknowledged the response
	parts
)

// Names are the attributes of the parts, in seconds.
var Names = [parts]string{
	DNS:              "ebpf.latency.dns",
	Connect:          "ebpf.latency.connect",
	TLS:              "ebpf.latency.tls",
	AcceptQueue:      "ebpf.latency.accept_queue",
	ReceiveQueue:     "ebpf.latency.receive_queue",
	RequestTransfer:  "ebpf.latency.request_transfer",
	Application:      "ebpf.latency.application",
	SendQueue:        "ebpf.latency.send_queue",
	RequestDelivery:  "ebpf.latency.request_delivery",
	Remote:           "ebpf.latency.remote",
	ResponseTransfer: "ebpf.latency.response_transfer",
	Delivery:         "ebpf.latency.delivery",
}

// A Split is the time of one exchange by parts, and what hindered it.
type Split struct {
	Side  proto.Side
	Total time.Duration // the span's
	Reuse Reuse
	End   conn.End // who ended the connection before the exchange was complete

	Trouble

	broken bool // the connection ended before the response did
	vague  bool // the end of the exchange was not seen, or bytes of it were lost
	known  uint16
	took   [parts]time.Duration
	base   proto.Meter // when the exchange began
	end    time.Duration
	rounds time.Duration // that the handshake of TLS took at least
}

// Trouble is what hindered an exchange, and how far away the peer was.
type Trouble struct {
	Retransmits, ZeroWindows, OutOfOrder uint32
	RTO                                  time.Duration
	SRTT, MinRTT                         time.Duration // zero unknown
}

// Reuse says whether an exchange is the first on its connection.
type Reuse uint8

// The kinds of reuse.
const (
	ReuseUnknown Reuse = iota
	Fresh
	Reused
)

// Of splits the time of x, a finished exchange on c.
func Of(c *conn.Conn, x *proto.Exchange) Split {
	k := &x.Course
	s := Split{
		Side: x.Side, Total: max(0, x.End-x.Start), end: x.End, base: k.RequestStart.Meter,
		broken: isBroken(x.Err), vague: x.Capture&(proto.NoResponse|proto.UnknownEnd|proto.Gap) != 0,
	}
	if s.broken {
		s.End = c.End
	}
	s.trouble(&k.ResponseEnd.Meter)
	switch {
	case k.RequestStart.Offset > 0 && !c.Joined:
		s.Reuse = Reused
	case !c.Joined && c.Established > 0:
		s.Reuse = Fresh
	}
	if x.Capture&(proto.NoResponse|proto.UnknownEnd) != 0 {
		return s
	}
	if x.Side == proto.Server {
		s.server(c, k)
	} else {
		s.client(c, k)
	}
	return s
}

func isBroken(err string) bool {
	return err == proto.ReasonClosed || err == proto.ReasonReset || err == proto.ReasonTimeout
}

// trouble takes what hindered the exchange up to now.
func (s *Split) trouble(now *proto.Meter) {
	s.Retransmits = now.Retransmits - s.base.Retransmits
	s.ZeroWindows = now.ZeroWindows - s.base.ZeroWindows
	s.OutOfOrder = now.OutOfOrder - s.base.OutOfOrder
	s.RTO = max(0, now.RTO-s.base.RTO)
	s.SRTT, s.MinRTT = now.SRTT, now.MinRTT
}

// Delivered says when the peer had acknowledged the response.
func (s *Split) Delivered(at time.Duration, now *proto.Meter) {
	s.set(Delivery, at-s.end)
	s.trouble(now)
}

func (s *Split) set(p Part, d time.Duration) {
	s.took[p] = max(0, d)
	s.known |= 1 << p
}

// Took returns how long a part took, and whether that was observed.
func (s *Split) Took(p Part) (time.Duration, bool) { return s.took[p], s.known&(1<<p) != 0 }

// Parts is how many parts were observed.
func (s *Split) Parts() int { return bits.OnesCount16(s.known) }

// Remainder is how much of the span no part explains.
func (s *Split) Remainder() time.Duration {
	rest := s.Total
	for p := AcceptQueue; p < Delivery; p++ {
		rest -= s.took[p]
	}
	return rest
}
