package spans

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/correlate"
	"github.com/edf076de/ebpfreceiver/internal/latency"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const ms = time.Millisecond

// served is a request that waited 20 ms, was worked at for 70 and answered in 10.
func served() *proto.Exchange {
	x := &proto.Exchange{Side: proto.Server, Start: 100 * ms, End: 200 * ms}
	x.Course.RequestStart = proto.Moment{Time: 120 * ms, Arrived: 100 * ms}
	x.Course.RequestEnd = proto.Moment{Time: 120 * ms, Arrived: 100 * ms, Meter: proto.Meter{Unread: 20 * ms}}
	x.Course.ResponseStart = proto.Moment{Time: 190 * ms, Meter: proto.Meter{Unread: 20 * ms}}
	x.Course.ResponseEnd = proto.Moment{Time: 200 * ms, Meter: proto.Meter{Unread: 20 * ms, Full: 10 * ms, SRTT: 3 * ms, MinRTT: 2 * ms}}
	return x
}

// attributes are those the span of x and its split have.
func attributes(c *conn.Conn, x *proto.Exchange, split *Split) map[string]any {
	b := New("scope", "1", func() time.Duration { return 0 })
	m := b.Add(newResource("a"), correlate.Context{}, c, x, split.Count())
	split.Put(m)
	return m.AsRaw()
}

func TestSplit(t *testing.T) {
	c := &conn.Conn{Established: 50 * ms}
	x := served()
	split := Split{Split: latency.Of(c, x), Slow: 10 * ms}
	require.Equal(t, map[string]any{
		"ebpf.latency.receive_queue": 0.020, "ebpf.latency.application": 0.070, "ebpf.latency.send_queue": 0.010,
		"ebpf.tcp.retransmits": int64(0), "ebpf.tcp.rto_time": 0.0, "ebpf.tcp.zero_windows": int64(0), "ebpf.tcp.srtt": 0.003,
		"ebpf.verdict": "application",
	}, attributes(c, x, &split))

	split.Delivered(700*ms, &proto.Meter{Retransmits: 2, RTO: 400 * ms, SRTT: 4 * ms, MinRTT: 2 * ms})
	require.Equal(t, map[string]any{
		"ebpf.latency.receive_queue": 0.020, "ebpf.latency.application": 0.070, "ebpf.latency.send_queue": 0.010,
		"ebpf.latency.delivery": 0.5,
		"ebpf.tcp.retransmits":  int64(2), "ebpf.tcp.rto_time": 0.4, "ebpf.tcp.zero_windows": int64(0), "ebpf.tcp.srtt": 0.004,
		"ebpf.verdict": "network",
	}, attributes(c, x, &split))
}

func TestSplitOfReset(t *testing.T) {
	x := served()
	x.Side, x.Err = proto.Client, proto.ReasonReset
	x.Course.ResponseStart.Arrived, x.Course.ResponseEnd.Time = 0, 0
	c := &conn.Conn{Established: 50 * ms, End: conn.ResetByPeer}
	split := Split{Split: latency.Of(c, x), Slow: 10 * ms}
	m := attributes(c, x, &split)
	require.Equal(t, "peer", m["ebpf.tcp.reset_by"])
	require.Equal(t, "peer", m["ebpf.verdict"])
	require.Equal(t, false, m["ebpf.connection.reused"])
	require.InDelta(t, 0.1, m["ebpf.latency.remainder"], 1e-9)
}
