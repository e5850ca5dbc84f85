package latency

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// client splits a span that begins when the first byte of the request was sent
// and ends when the program had read the last byte of the response.
func (s *Split) client(c *conn.Conn, k *proto.Course) {
	if s.Reuse == Fresh && c.Connect > 0 {
		s.set(Connect, c.Established-c.Connect)
	}
	if h := c.TLS; s.Reuse == Fresh && h != nil && h.Start > 0 && h.End > 0 {
		s.set(TLS, h.End-h.Start)
		s.rounds = rounds(h)
	}
	sent, handed := k.RequestStart.Time, k.RequestEnd.Time
	own := max(0, handed-sent-(k.RequestEnd.Meter.Full-k.RequestStart.Meter.Full))
	if k.RequestEnd.Offset > k.RequestStart.Offset { // written in more than one go
		s.set(Application, own)
	} else {
		own = 0
	}
	first, last := &k.ResponseStart, &k.ResponseEnd
	if first.Arrived == 0 {
		if s.broken && first.Time == 0 && first.Acked > 0 { // nothing came until the end
			s.set(RequestDelivery, first.Acked-sent-own)
			s.set(Remote, s.end-max(first.Acked, handed))
		}
		return
	}
	// An acknowledgement that came with the response says nothing of its own.
	if first.Acked > 0 && first.Acked < first.Arrived {
		s.set(RequestDelivery, first.Acked-sent-own)
		s.set(Remote, first.Arrived-max(first.Acked, handed))
	} else {
		s.set(Remote, first.Arrived-sent-own)
	}
	if last.Meter.Unseen == first.Meter.Unseen {
		unread := last.Meter.Unread - first.Meter.Unread
		s.set(ReceiveQueue, unread)
		s.set(ResponseTransfer, last.Time-first.Arrived-unread)
	}
}

// rounds is how many round trips a handshake takes at least.
//
// Source: RFC 8446 section 2, RFC 5246 section 7.3.
func rounds(h *proto.TLS) time.Duration {
	if h.Version == "1.3" || h.Resumed == proto.Positive {
		return 1
	}
	return 2
}

// Lookup says that the connection of the exchange waited for a name to be resolved.
func (s *Split) Lookup(took time.Duration) {
	if s.Precedes() {
		s.set(DNS, took)
	}
}

// Precedes reports whether the connection was made for this exchange, as far as
// can be known: it is a client's first on it.
func (s *Split) Precedes() bool { return s.Side == proto.Client && s.Reuse == Fresh }
