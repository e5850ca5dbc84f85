package latency

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// server splits a span that begins when the request came to the socket and ends
// when the kernel had taken the last byte of the response.
func (s *Split) server(c *conn.Conn, k *proto.Course) {
	first, last := &k.RequestStart, &k.RequestEnd
	if first.Arrived > 0 && !k.RequestMixed && last.Meter.Unseen == first.Meter.Unseen {
		unread := last.Meter.Unread - first.Meter.Unread
		s.set(RequestTransfer, last.Time-first.Arrived-unread)
		s.set(ReceiveQueue, unread-s.acceptQueue(c, first, unread))
	}
	if k.ResponseStart.Time == 0 { // none came: the program had the request until the end
		s.set(Application, s.end-last.Time)
		return
	}
	if k.ResponseMixed { // after its first byte it may have waited for anything
		if answered := k.ResponseStart.Time; answered >= last.Time {
			s.set(Application, answered-last.Time)
		}
		s.delivered(k)
		return
	}
	full := k.ResponseEnd.Meter.Full - k.ResponseStart.Meter.Full
	s.set(SendQueue, full)
	s.set(Application, k.ResponseEnd.Time-last.Time-full)
	s.delivered(k)
}

func (s *Split) delivered(k *proto.Course) {
	if at := k.ResponseEnd.Acked; at > 0 && !s.broken {
		s.set(Delivery, at-s.end)
	}
}

// acceptQueue is how much of the wait of a first request was for its connection
// to be accepted.
func (s *Split) acceptQueue(c *conn.Conn, first *proto.Moment, unread time.Duration) time.Duration {
	if s.Reuse != Fresh || c.Accepted == 0 {
		return 0
	}
	d := min(max(0, c.Accepted-first.Arrived), unread)
	s.set(AcceptQueue, d)
	return d
}
