// Package dns parses DNS, over TCP as any other protocol of a connection, over
// UDP from datagrams.
//
// A question and its answer are one exchange. Both ways meet in the table of
// the questions that wait: an answer must come over the socket that asked, with
// the same ID and the same question, and nothing less proves that it answers.
//
// Source: RFC 1035 (messages), RFC 6891 (EDNS), RFC 7766 (TCP).
package dns

import "github.com/edf076de/ebpfreceiver/internal/proto"

// Name is the protocol's.
const Name = "dns"

// New returns the protocol.
func New() *proto.Protocol {
	return &proto.Protocol{
		Name:   Name,
		Detect: detect,
		New: func(c proto.Conn, emit func(*proto.Exchange)) proto.Parser {
			return newParser(c, emit)
		},
		Duration: [2]proto.Metric{proto.Client: duration},
	}
}

// duration is the one histogram the conventions have, with the buckets they advise.
//
// Source: https://opentelemetry.io/docs/specs/semconv/dns/dns-metrics/
var duration = proto.Metric{
	Name:        "dns.lookup.duration",
	Description: "Measures the time taken to perform a DNS lookup.",
	Bounds:      []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10},
}
