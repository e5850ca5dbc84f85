// Package health holds how the connections of a process fare: what the kernel
// side adds up and the metrics tell. It knows neither of them.
package health

import "net/netip"

// Transport is the protocol below.
type Transport uint8

// The transports.
const (
	TCP Transport = iota + 1
	UDP
)

// Role is the process' side of a connection.
type Role uint8

// The roles.
const (
	Unknown Role = iota // older than the probes, or not connected
	Active              // the process connected
	Passive             // it accepted
)

// A Key names what one series counts. Fields that are not known are zero.
type Key struct {
	PID        uint32 // in the initial PID namespace
	Transport  Transport
	V6         bool
	Role       Role
	ServerPort uint16     // of the side that accepts
	Peer       netip.Addr // invalid unless it was asked for
	Overflow   bool       // of everything the process did beyond MaxSeries; of every process with PID 0
}

// A Failure is why a connection was not made.
type Failure int

// The failures.
const (
	Refused     Failure = iota
	Reset               // by the peer or on the way, in the handshake
	TimedOut            // nobody answered
	Unreachable         // the network said there is no way
	Other               // of them most: the process gave up before the end
)

// FailureNames are the failures' names.
var FailureNames = [...]string{"refused", "reset", "timed_out", "unreachable", "other"}

// Failures counts connections that were not made, by Failure.
type Failures [len(FailureNames)]uint64

// Histogram has a bucket for each bound, which it includes, and one for what is above them.
type Histogram struct {
	Count    uint64
	SumNanos uint64
	Buckets  []uint64
}

// Values are what a series has come to since the receiver started. Active is a
// level, the rest only grow.
type Values struct {
	BytesSent, BytesReceived       uint64 // of the streams, or of datagrams; retransmissions do not count
	SegmentsSent, SegmentsReceived uint64

	Opened, Accepted, Closed uint64 // only connections whose handshake ended
	Failed                   Failures
	Active                   uint64

	Retransmits, RetransmitBytes, RTOs uint64
	OutOfOrder                         uint64 // segments received
	ZeroWindows                        uint64 // at least: one for every collection that saw any
	ResetsSent, ResetsReceived         uint64

	// ListenOverflows are connections refused because the accept queue was full,
	// ListenDrops all that a listening socket dropped, these included.
	ListenOverflows, ListenDrops uint64

	DatagramsSent, DatagramsReceived uint64 // UDP

	Connect, Duration, RTT Histogram
}

// A Series is a key and what it has come to.
type Series struct {
	Key
	Values
}

// The bounds of the histograms, in seconds; at most MaxBounds each.
var (
	ConnectBounds = []float64{
		0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
	}
	DurationBounds = []float64{
		0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 14400, 86400,
	}
	RTTBounds = []float64{
		0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
	}
)

// MaxBounds is how many bounds a histogram may have: HEALTH_BOUNDS of bpf/include/health.h.
const MaxBounds = 16
