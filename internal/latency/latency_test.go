package latency

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const ms = time.Millisecond

// at makes a moment of milliseconds since boot; change may say more of it.
func at(t, arrived time.Duration, change ...func(*proto.Moment)) proto.Moment {
	m := proto.Moment{Time: t * ms, Arrived: arrived * ms}
	for _, f := range change {
		f(&m)
	}
	return m
}

func acked(t time.Duration) func(*proto.Moment) { return func(m *proto.Moment) { m.Acked = t * ms } }
func unread(d time.Duration) func(*proto.Moment) {
	return func(m *proto.Moment) { m.Meter.Unread = d * ms }
}
func full(d time.Duration) func(*proto.Moment) {
	return func(m *proto.Moment) { m.Meter.Full = d * ms }
}
func offset(n uint64) func(*proto.Moment) { return func(m *proto.Moment) { m.Offset = n } }
func minRTT(d time.Duration) func(*proto.Moment) {
	return func(m *proto.Moment) { m.Meter.MinRTT = d * ms }
}
func outOfOrder(n uint32) func(*proto.Moment) {
	return func(m *proto.Moment) { m.Meter.OutOfOrder = n }
}
func zeroWindows(n uint32) func(*proto.Moment) {
	return func(m *proto.Moment) { m.Meter.ZeroWindows = n }
}
func resent(n uint32, rto time.Duration) func(*proto.Moment) {
	return func(m *proto.Moment) { m.Meter.Retransmits, m.Meter.RTO = n, rto*ms }
}

// split makes an exchange of side from its four moments, as the tracker would.
func split(side proto.Side, c conn.Conn, err string, k proto.Course) Split {
	x := &proto.Exchange{Side: side, Start: k.RequestStart.Time, End: k.ResponseEnd.Time, Err: err, Course: k}
	if a := k.RequestStart.Arrived; side == proto.Server && a > 0 {
		x.Start = a
	}
	if x.End == 0 {
		x.End = 5000 * ms
	}
	return Of(&c, x)
}

var fresh = conn.Conn{Connect: 90 * ms, Established: 95 * ms}

// secured is fresh with a handshake of TLS from one time to another, in milliseconds.
func secured(version string, from, to time.Duration) conn.Conn {
	c := fresh
	c.TLS = &proto.TLS{Version: version, Start: max(from*ms, 1), End: to * ms}
	return c
}

// observed says what was observed, in milliseconds.
func observed(s *Split) map[Part]time.Duration {
	all := map[Part]time.Duration{}
	for p := range Names {
		if d, ok := s.Took(Part(p)); ok {
			all[Part(p)] = d / ms
		}
	}
	return all
}

func TestServer(t *testing.T) {
	for _, test := range []struct {
		name    string
		conn    conn.Conn
		err     string
		course  proto.Course
		parts   map[Part]time.Duration
		verdict Verdict
	}{
		{"slow application", fresh, "", proto.Course{
			RequestStart: at(101, 100), RequestEnd: at(101, 100, unread(1)),
			ResponseStart: at(250, 0, unread(1)), ResponseEnd: at(251, 0, unread(1), full(1)),
		}, map[Part]time.Duration{ReceiveQueue: 1, RequestTransfer: 0, Application: 149, SendQueue: 1}, ByApplication},
		{"nobody accepts", conn.Conn{Established: 95 * ms, Accepted: 300 * ms}, "", proto.Course{
			RequestStart: at(301, 100), RequestEnd: at(301, 100, unread(201)),
			ResponseStart: at(302, 0, unread(201)), ResponseEnd: at(302, 0, unread(201)),
		}, map[Part]time.Duration{AcceptQueue: 200, ReceiveQueue: 1, RequestTransfer: 0, Application: 1, SendQueue: 0}, ByApplication},
		{"the client reads slowly", fresh, "", proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(100, 100),
			ResponseStart: at(101, 0), ResponseEnd: at(900, 0, full(790), zeroWindows(3)),
		}, map[Part]time.Duration{ReceiveQueue: 0, RequestTransfer: 0, Application: 10, SendQueue: 790}, ByClient},
		{"the network is slow", fresh, "", proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(100, 100),
			ResponseStart: at(101, 0), ResponseEnd: at(900, 0, full(790), resent(9, 300)),
		}, map[Part]time.Duration{ReceiveQueue: 0, RequestTransfer: 0, Application: 10, SendQueue: 790}, Network},
		{"the request comes in pieces", fresh, "", proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(600, 599, unread(10)),
			ResponseStart: at(601, 0), ResponseEnd: at(601, 0),
		}, map[Part]time.Duration{ReceiveQueue: 10, RequestTransfer: 490, Application: 1, SendQueue: 0}, Unknown},
		{"the request comes with holes", fresh, "", proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(600, 599),
			ResponseStart: at(601, 0), ResponseEnd: at(601, 0, outOfOrder(2)),
		}, map[Part]time.Duration{ReceiveQueue: 0, RequestTransfer: 500, Application: 1, SendQueue: 0}, Network},
		{"arrival unknown", fresh, "", proto.Course{
			RequestStart: at(100, 0), RequestEnd: at(100, 0, func(m *proto.Moment) { m.Meter.Unseen = 1 }),
			ResponseStart: at(200, 0), ResponseEnd: at(200, 0),
		}, map[Part]time.Duration{Application: 100, SendQueue: 0}, ByApplication},
		{"quick", fresh, "", proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(100, 100),
			ResponseStart: at(101, 0), ResponseEnd: at(101, 0),
		}, map[Part]time.Duration{ReceiveQueue: 0, RequestTransfer: 0, Application: 1, SendQueue: 0}, None},
		{"the process hangs up", conn.Conn{End: conn.EndedByProcess}, proto.ReasonClosed, proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(100, 100),
		}, map[Part]time.Duration{ReceiveQueue: 0, RequestTransfer: 0, Application: 4900}, ByApplication},
		{"the client waits, then leaves", conn.Conn{End: conn.EndedByPeer}, proto.ReasonClosed, proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(100, 100),
		}, map[Part]time.Duration{ReceiveQueue: 0, RequestTransfer: 0, Application: 4900}, ByApplication},
		{"the client resets at once", conn.Conn{End: conn.ResetByPeer}, proto.ReasonReset, proto.Course{
			RequestStart: at(100, 100), RequestEnd: at(100, 100), ResponseStart: at(101, 0), ResponseEnd: at(102, 0),
		}, map[Part]time.Duration{ReceiveQueue: 0, RequestTransfer: 0, Application: 2, SendQueue: 0}, ByClient},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := split(proto.Server, test.conn, test.err, test.course)
			require.Equal(t, test.parts, observed(&s))
			require.Equal(t, test.verdict.String(), s.Verdict(10*ms).String())
		})
	}
}

func TestClient(t *testing.T) {
	reused := func(m *proto.Moment) { m.Offset = 1000 }
	for _, test := range []struct {
		name    string
		conn    conn.Conn
		err     string
		course  proto.Course
		parts   map[Part]time.Duration
		verdict Verdict
	}{
		{"slow peer", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(301, 300, acked(101), minRTT(1)), ResponseEnd: at(301, 300, unread(1), minRTT(1)),
		}, map[Part]time.Duration{RequestDelivery: 1, Remote: 199, ReceiveQueue: 1, ResponseTransfer: 0}, Peer},
		{"slow peer, late acknowledgement", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(161, 160, acked(140), minRTT(1)), ResponseEnd: at(161, 160, unread(1), minRTT(1)),
		}, map[Part]time.Duration{RequestDelivery: 40, Remote: 20, ReceiveQueue: 1, ResponseTransfer: 0}, Peer},
		{"far away", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(201, 200, acked(200), minRTT(99)), ResponseEnd: at(201, 200, unread(1), minRTT(99)),
		}, map[Part]time.Duration{Remote: 100, ReceiveQueue: 1, ResponseTransfer: 0}, Network},
		{"request lost", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(321, 320, acked(310), minRTT(1)), ResponseEnd: at(321, 320, unread(1), minRTT(1), resent(1, 205)),
		}, map[Part]time.Duration{RequestDelivery: 210, Remote: 10, ReceiveQueue: 1, ResponseTransfer: 0}, Network},
		{"no acknowledgement for long", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(321, 320, acked(320), minRTT(1)), ResponseEnd: at(321, 320, unread(1), minRTT(1)),
		}, map[Part]time.Duration{Remote: 220, ReceiveQueue: 1, ResponseTransfer: 0}, Unknown},
		{"slow reader", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(602, 102, acked(101)), ResponseEnd: at(702, 602, unread(600)),
		}, map[Part]time.Duration{RequestDelivery: 1, Remote: 1, ReceiveQueue: 600, ResponseTransfer: 0}, ByApplication},
		{"response with holes", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(102, 102, acked(101)), ResponseEnd: at(702, 602, unread(1), outOfOrder(20)),
		}, map[Part]time.Duration{RequestDelivery: 1, Remote: 1, ReceiveQueue: 1, ResponseTransfer: 599}, Network},
		{"slow to connect", conn.Conn{Connect: 0 + ms, Established: 95 * ms}, "", proto.Course{
			RequestStart: at(100, 0), RequestEnd: at(100, 0),
			ResponseStart: at(102, 102, acked(101)), ResponseEnd: at(102, 102),
		}, map[Part]time.Duration{Connect: 94, RequestDelivery: 1, Remote: 1, ReceiveQueue: 0, ResponseTransfer: 0}, ByConnect},
		{"slow to shake hands", secured("1.2", 1, 99), "", proto.Course{
			RequestStart: at(100, 0), RequestEnd: at(100, 0),
			ResponseStart: at(102, 102, acked(101), minRTT(1)), ResponseEnd: at(102, 102, minRTT(1)),
		}, map[Part]time.Duration{Connect: 5, TLS: 98, RequestDelivery: 1, Remote: 1, ReceiveQueue: 0, ResponseTransfer: 0}, ByConnect},
		{"shakes hands from afar", secured("1.2", 1, 82), "", proto.Course{
			RequestStart: at(100, 0), RequestEnd: at(100, 0),
			ResponseStart: at(142, 142, acked(141), minRTT(40)), ResponseEnd: at(142, 142, minRTT(40)),
		}, map[Part]time.Duration{Connect: 5, TLS: 81, RequestDelivery: 41, Remote: 1, ReceiveQueue: 0, ResponseTransfer: 0}, Network},
		{"shook hands before", secured("1.3", 0, 98), "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
			ResponseStart: at(102, 102, acked(101)), ResponseEnd: at(102, 102),
		}, map[Part]time.Duration{RequestDelivery: 1, Remote: 1, ReceiveQueue: 0, ResponseTransfer: 0}, None},
		{"end of the handshake unknown", secured("1.3", 1, 0), "", proto.Course{
			RequestStart: at(100, 0), RequestEnd: at(100, 0),
			ResponseStart: at(102, 102, acked(101)), ResponseEnd: at(102, 102),
		}, map[Part]time.Duration{Connect: 5, RequestDelivery: 1, Remote: 1, ReceiveQueue: 0, ResponseTransfer: 0}, None},
		{"slow to write", fresh, "", proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(400, 0, offset(2000), full(50)),
			ResponseStart: at(402, 402, acked(401)), ResponseEnd: at(402, 402),
		}, map[Part]time.Duration{Application: 250, RequestDelivery: 51, Remote: 1, ReceiveQueue: 0, ResponseTransfer: 0}, ByApplication},
		{"the peer resets", conn.Conn{End: conn.ResetByPeer}, proto.ReasonReset, proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
		}, map[Part]time.Duration{}, Peer},
		{"given up, timers ran", conn.Conn{End: conn.EndedByProcess}, proto.ReasonClosed, proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused), ResponseEnd: at(0, 0, resent(4, 4500)),
		}, map[Part]time.Duration{}, Network},
		{"given up", conn.Conn{End: conn.EndedByProcess}, proto.ReasonClosed, proto.Course{
			RequestStart: at(100, 0, reused), RequestEnd: at(100, 0, reused),
		}, map[Part]time.Duration{}, Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := split(proto.Client, test.conn, test.err, test.course)
			require.Equal(t, test.parts, observed(&s))
			require.Equal(t, test.verdict.String(), s.Verdict(10*ms).String())
		})
	}
}

func TestDelivered(t *testing.T) {
	s := split(proto.Server, fresh, "", proto.Course{
		RequestStart: at(100, 100), RequestEnd: at(100, 100), ResponseStart: at(101, 0), ResponseEnd: at(101, 0),
	})
	require.Equal(t, None, s.Verdict(10*ms))
	s.Delivered(401*ms, &proto.Meter{Retransmits: 1, RTO: 250 * ms, SRTT: 20 * ms, MinRTT: 10 * ms})
	require.Equal(t, Network, s.Verdict(10*ms))
	d, ok := s.Took(Delivery)
	require.True(t, ok)
	require.Equal(t, 300*ms, d)
	require.Equal(t, uint32(1), s.Retransmits)
}

func TestLookup(t *testing.T) {
	course := proto.Course{
		RequestStart: at(100, 0), RequestEnd: at(100, 0), ResponseStart: at(102, 102, acked(101)), ResponseEnd: at(102, 102),
	}
	s := split(proto.Client, fresh, "", course)
	s.Lookup(300 * ms)
	require.Equal(t, ByDNS, s.Verdict(10*ms))

	course.RequestStart.Offset = 9
	s = split(proto.Client, fresh, "", course)
	s.Lookup(300 * ms) // a later request did not wait for it
	require.Equal(t, None, s.Verdict(10*ms))
}

// FuzzSplit holds for moments in any order: no part is negative, and the parts
// and the remainder are the span's duration.
func FuzzSplit(f *testing.F) {
	f.Add(false, uint16(100), uint16(0), uint16(100), uint16(5), uint16(300), uint16(0), uint16(310), uint16(2), uint8(0))
	f.Fuzz(func(t *testing.T, server bool, a, b, c, d, e, g, h, i uint16, flags uint8) {
		side := proto.Client
		if server {
			side = proto.Server
		}
		course := proto.Course{
			RequestStart:  at(time.Duration(a), time.Duration(b)),
			RequestEnd:    at(time.Duration(c), 0, unread(time.Duration(d)), offset(uint64(d))),
			ResponseStart: at(time.Duration(e), time.Duration(g), acked(time.Duration(h))),
			ResponseEnd:   at(time.Duration(h), 0, unread(time.Duration(i)), full(time.Duration(i)), minRTT(time.Duration(flags))),
		}
		s := split(side, fresh, []string{"", proto.ReasonReset}[flags&1], course)
		sum := s.Remainder()
		for p := AcceptQueue; p < Delivery; p++ {
			took, _ := s.Took(p)
			require.GreaterOrEqual(t, took, time.Duration(0))
			sum += took
		}
		require.Equal(t, s.Total, sum)
		require.NotEmpty(t, s.Verdict(10*ms).String())
	})
}
