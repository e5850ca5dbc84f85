package latency

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Verdict says who held an exchange up.
type Verdict uint8

// The verdicts, as values of ebpf.verdict. Peer is who answers the observed
// client, ByClient who asks the observed server.
const (
	Unknown Verdict = iota // the numbers do not tell
	None                   // nobody: it was quick
	Network
	ByApplication // the observed process
	Peer
	ByClient
	ByDNS
	ByConnect
	verdicts
)

var verdictNames = [verdicts]string{
	Unknown: "unknown", None: "none", Network: "network", ByApplication: "application",
	Peer: "peer", ByClient: "client", ByDNS: "dns", ByConnect: "connect",
}

// String returns the value of ebpf.verdict.
func (v Verdict) String() string { return verdictNames[v] }

// Verdict judges the exchange by its parts. What is shorter than slow is nobody's fault.
func (s *Split) Verdict(slow time.Duration) Verdict {
	if !s.broken {
		return s.byTime(slow)
	}
	peer := s.End == conn.EndedByPeer || s.End == conn.ResetByPeer
	switch {
	case s.End == conn.EndedByNetwork:
		return Network
	case s.Side == proto.Client && peer:
		return Peer
	case s.Side == proto.Server && s.End == conn.EndedByProcess:
		return ByApplication
	case s.Side == proto.Server && peer:
		if s.byTime(slow) == ByApplication { // it waited for the program until it left
			return ByApplication
		}
		return ByClient
	}
	return s.byTime(slow)
}

// byTime finds who took at least half of the time that somebody took.
func (s *Split) byTime(slow time.Duration) Verdict {
	var by [verdicts]time.Duration
	if s.Side == proto.Server {
		s.blameAtServer(&by)
	} else {
		s.blameAtClient(&by)
	}
	by[Unknown] += max(0, s.Remainder())
	var all time.Duration
	most := Unknown
	for v, d := range by {
		all += d
		if d > by[most] {
			most = Verdict(v)
		}
	}
	switch {
	case all < slow:
		return None
	case s.vague || 2*by[most] < all:
		return Unknown
	}
	return most
}

// resent reports whether the network lost something the process had sent.
func (s *Split) resent() bool { return s.Retransmits > 0 || s.RTO > 0 }

func (s *Split) blameAtServer(by *[verdicts]time.Duration) {
	by[ByApplication] += s.took[AcceptQueue] + s.took[ReceiveQueue] + s.took[Application]
	by[s.whoseRequest()] += s.took[RequestTransfer]
	switch queued, delivery := s.took[SendQueue], s.took[Delivery]; {
	case s.ZeroWindows > 0:
		by[ByClient] += queued + delivery
	case s.resent():
		by[Network] += queued + delivery
	default:
		// A round trip is the network's. The rest of the delivery is the
		// peer's habit to acknowledge late, which holds nobody up.
		by[Network] += min(delivery, s.MinRTT)
		if s.MinRTT > 0 && s.MinRTT >= queued/maxRounds {
			by[Network] += queued
		} else {
			by[Unknown] += queued
		}
	}
}

// maxRounds is how many round trips a transfer may take before there must be
// another reason: slow start doubles the window in each.
const maxRounds = 8

// whoseRequest says who is to blame when a request came in pieces. A client that
// was slow to write and one whose segments were lost without a trace look alike.
func (s *Split) whoseRequest() Verdict {
	if s.OutOfOrder > 0 {
		return Network
	}
	return Unknown
}

// lateAck is how long a peer may wait for its program before it acknowledges
// without it: 40 ms and a tick on Linux (include/net/tcp.h, TCP_DELACK_MIN).
const lateAck = 50 * time.Millisecond

func (s *Split) blameAtClient(by *[verdicts]time.Duration) {
	by[ByDNS] += s.took[DNS]
	trips := min(s.took[Connect], s.MinRTT) + min(s.took[TLS], s.rounds*s.MinRTT)
	by[Network] += trips
	by[ByConnect] += s.took[Connect] + s.took[TLS] - trips
	by[ByApplication] += s.took[Application] + s.took[ReceiveQueue]
	delivery, acked := s.Took(RequestDelivery)
	remote := s.took[Remote]
	switch {
	case s.ZeroWindows > 0: // the peer did not read
		by[Peer] += delivery + remote
	case acked && s.resent():
		by[Network] += delivery
		s.blameRemote(by, remote)
	case acked:
		s.blameAck(by, delivery)
		s.blameRemote(by, remote)
	case s.resent(): // how much of the rest was the peer's cannot be told
		lost := min(remote, max(s.RTO, s.MinRTT))
		by[Network] += lost
		by[Unknown] += remote - lost
	default:
		s.blameAck(by, remote)
	}
	s.blameTransfer(by)
	if s.known&(1<<Remote) == 0 && s.RTO > 0 { // no answer: the timers say how long nothing moved
		lost := min(s.RTO, s.Total)
		by[Network] += lost
		by[Unknown] -= lost
	}
}

// blameAck divides the time until an acknowledgement: a round trip, then the
// peer's wait for its program; more than that may be anything.
func (s *Split) blameAck(by *[verdicts]time.Duration, d time.Duration) {
	trip := min(d, s.MinRTT)
	by[Network] += trip
	if d-trip <= lateAck {
		by[Peer] += d - trip
	} else {
		by[Unknown] += d - trip
	}
}

// blameRemote blames the peer for the time until it answered, unless a part of
// the answer was lost on its way.
func (s *Split) blameRemote(by *[verdicts]time.Duration, d time.Duration) {
	if s.OutOfOrder > 0 {
		by[Unknown] += d
	} else {
		by[Peer] += d
	}
}

// blameTransfer blames the network for a response that came with holes, or took
// as long as its round trips do.
func (s *Split) blameTransfer(by *[verdicts]time.Duration) {
	d := s.took[ResponseTransfer]
	if s.OutOfOrder > 0 || s.MinRTT > 0 && d <= maxRounds*s.MinRTT {
		by[Network] += d
	} else {
		by[Unknown] += d
	}
}
