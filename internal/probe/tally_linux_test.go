package probe

import (
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/health"
)

func TestSeriesKey(t *testing.T) {
	require.Equal(t, health.Key{PID: 7, Transport: health.TCP, Role: health.Passive, ServerPort: 80},
		seriesKey(bpf.RawSeries{Tgid: 7, Transport: 1, Role: 2, Port: 80}))
	require.Equal(t, health.Key{PID: 7, Transport: health.UDP, V6: true, Role: health.Active, Peer: netip.MustParseAddr("2001:db8::1")},
		seriesKey(bpf.RawSeries{Tgid: 7, Transport: 2, V6: 1, Role: 1, Peer: netip.MustParseAddr("2001:db8::1").As16()}))
	require.Equal(t, health.Key{Transport: health.TCP, Peer: netip.MustParseAddr("10.0.0.1")},
		seriesKey(bpf.RawSeries{Transport: 1, Peer: [16]byte{10, 0, 0, 1}}))
	require.Equal(t, health.Key{Overflow: true}, seriesKey(bpf.RawSeries{Overflow: 1}))
}

// TestValues gives every field of a tally a number of its own.
func TestValues(t *testing.T) {
	raw := bpf.RawTally{
		Bytes: [3]uint64{1, 2, 3}, Counts: [8]uint64{4, 5, 6, 7, 8, 9, 10, 11}, Opened: 12, Accepted: 13, Closed: 14,
		Failed: [5]uint64{15, 16, 17, 18, 19}, ZeroWindows: 20, ListenOverflows: 21,
		DatagramsSent: 22, DatagramsReceived: 23, Active: 24,
	}
	raw.Histograms[0].Sum, raw.Histograms[0].Buckets[16] = 25, 26
	raw.Histograms[1].Sum, raw.Histograms[1].Buckets[0] = 27, 28
	raw.Histograms[2].Sum, raw.Histograms[2].Buckets[1] = 29, 30
	v := values(raw)
	require.Equal(t, []uint64{26, 25}, []uint64{v.Connect.Count, v.Connect.SumNanos})
	require.Equal(t, []uint64{28, 27}, []uint64{v.Duration.Count, v.Duration.SumNanos})
	require.Equal(t, []uint64{30, 29}, []uint64{v.RTT.Count, v.RTT.SumNanos})
	require.Len(t, v.Connect.Buckets, len(health.ConnectBounds)+1)
	require.EqualValues(t, 26, v.Connect.Buckets[16])
	require.EqualValues(t, 28, v.Duration.Buckets[0])
	require.EqualValues(t, 30, v.RTT.Buckets[1])
	v.Connect, v.Duration, v.RTT = health.Histogram{}, health.Histogram{}, health.Histogram{}
	require.Equal(t, health.Values{
		BytesSent: 1, BytesReceived: 2, RetransmitBytes: 3, SegmentsSent: 4, SegmentsReceived: 5,
		Retransmits: 6, OutOfOrder: 7, RTOs: 8, ResetsSent: 9, ResetsReceived: 10, ListenDrops: 11,
		Opened: 12, Accepted: 13, Closed: 14,
		Failed:      health.Failures{health.Refused: 15, health.Reset: 16, health.TimedOut: 17, health.Unreachable: 18, health.Other: 19},
		ZeroWindows: 20, ListenOverflows: 21, DatagramsSent: 22, DatagramsReceived: 23, Active: 24,
	}, v)
}

func TestHealthBounds(t *testing.T) {
	all := healthBounds()
	require.EqualValues(t, 100_000, all[bpf.RawHealthHistogramHISTOGRAM_CONNECT][0])
	require.EqualValues(t, 50_000, all[bpf.RawHealthHistogramHISTOGRAM_RTT][0])
	require.EqualValues(t, uint64(math.MaxUint64), all[bpf.RawHealthHistogramHISTOGRAM_DURATION][health.MaxBounds-1])
	var t0 bpf.RawTally
	require.Len(t, t0.Histograms[0].Buckets, health.MaxBounds+1)
}

func TestSum(t *testing.T) {
	a, b := bpf.RawTally{Opened: 1}, bpf.RawTally{Opened: 2, Active: 3}
	a.Histograms[2].Buckets[16], b.Histograms[2].Buckets[16] = 4, 5
	got := sum(a, b)
	require.EqualValues(t, 3, got.Opened)
	require.EqualValues(t, 3, got.Active)
	require.EqualValues(t, 9, got.Histograms[2].Buckets[16])
	require.EqualValues(t, 1, a.Opened)
}
