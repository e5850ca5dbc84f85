package probe

import (
	"net/netip"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/health"
)

// series gives a tally of the kernel side its meaning.
func series(k bpf.RawSeries, t bpf.RawTally) health.Series {
	return health.Series{Key: seriesKey(k), Values: values(t)}
}

func seriesKey(k bpf.RawSeries) health.Key {
	key := health.Key{
		PID: k.Tgid, V6: k.V6 != 0, Role: roles[k.Role], ServerPort: k.Port, Overflow: k.Overflow != 0,
		Transport: transports[k.Transport],
	}
	if k.Peer == [16]byte{} {
		return key
	}
	if key.V6 {
		key.Peer = netip.AddrFrom16(k.Peer)
	} else {
		key.Peer = netip.AddrFrom4([4]byte(k.Peer[:4]))
	}
	return key
}

var (
	roles = [...]health.Role{
		bpf.RawWireRoleWIRE_ROLE_UNKNOWN: health.Unknown,
		bpf.RawWireRoleWIRE_ROLE_ACTIVE:  health.Active,
		bpf.RawWireRoleWIRE_ROLE_PASSIVE: health.Passive,
	}
	transports = [...]health.Transport{
		bpf.RawHealthTransportHEALTH_TCP: health.TCP,
		bpf.RawHealthTransportHEALTH_UDP: health.UDP,
	}
)

func values(t bpf.RawTally) health.Values {
	return health.Values{
		BytesSent:        t.Bytes[bpf.RawHealthBytesBYTES_SENT],
		BytesReceived:    t.Bytes[bpf.RawHealthBytesBYTES_RECEIVED],
		SegmentsSent:     t.Counts[bpf.RawHealthCountsSEGMENTS_SENT],
		SegmentsReceived: t.Counts[bpf.RawHealthCountsSEGMENTS_RECEIVED],

		Opened: t.Opened, Accepted: t.Accepted, Closed: t.Closed, Failed: t.Failed, Active: t.Active,

		Retransmits:     t.Counts[bpf.RawHealthCountsRETRANSMITS],
		RetransmitBytes: t.Bytes[bpf.RawHealthBytesBYTES_RETRANSMITTED],
		RTOs:            t.Counts[bpf.RawHealthCountsRTOS],
		OutOfOrder:      t.Counts[bpf.RawHealthCountsOUT_OF_ORDER],
		ZeroWindows:     t.ZeroWindows,
		ResetsSent:      t.Counts[bpf.RawHealthCountsRESETS_SENT],
		ResetsReceived:  t.Counts[bpf.RawHealthCountsRESETS_RECEIVED],
		ListenOverflows: t.ListenOverflows,
		ListenDrops:     t.Counts[bpf.RawHealthCountsLISTEN_DROPS],

		DatagramsSent: t.DatagramsSent, DatagramsReceived: t.DatagramsReceived,

		Connect:  histogram(t, bpf.RawHealthHistogramHISTOGRAM_CONNECT, health.ConnectBounds),
		Duration: histogram(t, bpf.RawHealthHistogramHISTOGRAM_DURATION, health.DurationBounds),
		RTT:      histogram(t, bpf.RawHealthHistogramHISTOGRAM_RTT, health.RTTBounds),
	}
}

// histogram leaves out the buckets behind bounds that are not used.
func histogram(t bpf.RawTally, which bpf.RawHealthHistogram, bounds []float64) health.Histogram {
	raw := &t.Histograms[which]
	h := health.Histogram{SumNanos: raw.Sum, Buckets: make([]uint64, len(bounds)+1)}
	for i := range h.Buckets {
		h.Buckets[i] = raw.Buckets[i]
		h.Count += raw.Buckets[i]
	}
	return h
}
