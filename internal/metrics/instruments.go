package metrics

import (
	"slices"

	"github.com/edf076de/ebpfreceiver/internal/health"
)

// An instrument is one metric of the health of connections.
type instrument struct {
	name, unit, description string

	transport health.Transport
	level     bool // goes up and down; the others only grow
	always    bool // has a point while it is zero too
	counters  []counter

	// A histogram has these, and one counter: how many values it holds.
	histogram func(*health.Values) *health.Histogram
	bounds    []float64

	mask uint64 // a bit for each counter, which no other instrument has
}

// A counter is one series of an instrument for every key.
type counter struct {
	attrs []attr // besides the key's
	of    func(*health.Values) uint64
	bit   uint64
}

type attr struct{ key, value string }

// healthInstruments returns all instruments but those named off.
//
// There are no semantic conventions for connections; the attributes that have a
// convention follow it.
func healthInstruments(off map[string]bool) []instrument {
	var on []instrument
	bit := uint64(1)
	for _, i := range slices.Concat(tcpTraffic(), tcpConnections(), tcpTroubles(), udpTraffic()) {
		if off[i.name] {
			continue
		}
		for c := range i.counters {
			i.counters[c].bit = bit
			i.mask |= bit
			bit <<= 1
		}
		on = append(on, i)
	}
	return on
}

// measures reports whether the key has something of this metric. What the
// kernel had no room for may be of either transport.
func (i *instrument) measures(k *health.Key) bool {
	return k.Transport == i.transport || k.Transport == 0
}

// HealthNames returns the names of the metrics that Aggregator.Health feeds.
func HealthNames() []string {
	var names []string
	for _, i := range healthInstruments(nil) {
		names = append(names, i.name)
	}
	return names
}

func tcpTraffic() []instrument {
	return []instrument{
		{
			name: "ebpf.tcp.io", unit: "By", always: true, transport: health.TCP,
			description: "Bytes of TCP streams, without retransmissions.",
			counters: directions(
				func(v *health.Values) uint64 { return v.BytesSent },
				func(v *health.Values) uint64 { return v.BytesReceived },
			),
		},
		{
			name: "ebpf.tcp.segments", unit: "{segment}", always: true, transport: health.TCP,
			description: "TCP segments.",
			counters: directions(
				func(v *health.Values) uint64 { return v.SegmentsSent },
				func(v *health.Values) uint64 { return v.SegmentsReceived },
			),
		},
	}
}

func tcpConnections() []instrument {
	return []instrument{
		{
			name: "ebpf.tcp.connection.count", unit: "{connection}", transport: health.TCP,
			description: "TCP connections that were opened, accepted or closed, or could not be opened.",
			counters:    connectionEvents(),
		},
		{
			name: "ebpf.tcp.connection.active", unit: "{connection}", level: true, always: true, transport: health.TCP,
			description: "TCP connections that are open.",
			counters:    single(func(v *health.Values) uint64 { return v.Active }),
		},
		durations("ebpf.tcp.connect.duration", "Duration of successful TCP handshakes.",
			health.ConnectBounds, func(v *health.Values) *health.Histogram { return &v.Connect }),
		durations("ebpf.tcp.connection.duration", "Duration of closed TCP connections.",
			health.DurationBounds, func(v *health.Values) *health.Histogram { return &v.Duration }),
		durations("ebpf.tcp.rtt", "Smoothed round-trip times of TCP connections.",
			health.RTTBounds, func(v *health.Values) *health.Histogram { return &v.RTT }),
	}
}

func tcpTroubles() []instrument {
	return []instrument{
		trouble("ebpf.tcp.retransmits", "{segment}", "TCP segments sent again.",
			single(func(v *health.Values) uint64 { return v.Retransmits })),
		trouble("ebpf.tcp.retransmit.io", "By", "Bytes of TCP streams sent again.",
			single(func(v *health.Values) uint64 { return v.RetransmitBytes })),
		trouble("ebpf.tcp.rto", "{event}", "Times the retransmission timer of a TCP connection expired.",
			single(func(v *health.Values) uint64 { return v.RTOs })),
		trouble("ebpf.tcp.resets", "{reset}", "TCP resets.", directions(
			func(v *health.Values) uint64 { return v.ResetsSent },
			func(v *health.Values) uint64 { return v.ResetsReceived },
		)),
		trouble("ebpf.tcp.out_of_order", "{segment}", "TCP segments received out of order.",
			single(func(v *health.Values) uint64 { return v.OutOfOrder })),
		trouble("ebpf.tcp.zero_window", "{episode}", "Times data waited for a TCP peer that had no room for it.",
			single(func(v *health.Values) uint64 { return v.ZeroWindows })),
		trouble("ebpf.tcp.listen.overflows", "{connection}", "Connections refused because the accept queue of a listening TCP socket was full.",
			single(func(v *health.Values) uint64 { return v.ListenOverflows })),
		trouble("ebpf.tcp.listen.drops", "{connection}", "Connections that a listening TCP socket dropped for any reason.",
			single(func(v *health.Values) uint64 { return v.ListenDrops })),
	}
}

func udpTraffic() []instrument {
	return []instrument{
		{
			name: "ebpf.udp.io", unit: "By", always: true, transport: health.UDP,
			description: "Bytes of UDP datagrams.",
			counters: directions(
				func(v *health.Values) uint64 { return v.BytesSent },
				func(v *health.Values) uint64 { return v.BytesReceived },
			),
		},
		{
			name: "ebpf.udp.datagrams", unit: "{datagram}", always: true, transport: health.UDP,
			description: "UDP datagrams.",
			counters: directions(
				func(v *health.Values) uint64 { return v.DatagramsSent },
				func(v *health.Values) uint64 { return v.DatagramsReceived },
			),
		},
	}
}

func trouble(name, unit, description string, counters []counter) instrument {
	return instrument{name: name, unit: unit, description: description, transport: health.TCP, counters: counters}
}

func durations(name, description string, bounds []float64, of func(*health.Values) *health.Histogram) instrument {
	return instrument{
		name: name, unit: "s", description: description, transport: health.TCP, bounds: bounds, histogram: of,
		counters: single(func(v *health.Values) uint64 { return of(v).Count }),
	}
}

func single(of func(*health.Values) uint64) []counter { return []counter{{of: of}} }

func directions(sent, received func(*health.Values) uint64) []counter {
	return []counter{
		{of: sent, attrs: []attr{{"network.io.direction", "transmit"}}},
		{of: received, attrs: []attr{{"network.io.direction", "receive"}}},
	}
}

func connectionEvents() []counter {
	counters := []counter{
		event("opened", func(v *health.Values) uint64 { return v.Opened }),
		event("accepted", func(v *health.Values) uint64 { return v.Accepted }),
		event("closed", func(v *health.Values) uint64 { return v.Closed }),
	}
	for i, name := range health.FailureNames {
		failed := event("failed", func(v *health.Values) uint64 { return v.Failed[i] })
		failed.attrs = append(failed.attrs, attr{"error.type", name})
		counters = append(counters, failed)
	}
	return counters
}

func event(name string, of func(*health.Values) uint64) counter {
	return counter{of: of, attrs: []attr{{"ebpf.tcp.connection.event", name}}}
}
