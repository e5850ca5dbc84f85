// Package tls reads the handshakes of TLS, and nothing behind them.
//
// A handshake is one exchange, which is no span: it feeds a metric, and what it
// said (proto.TLS) goes on the spans of what the connection carries. It begins
// with the first byte of the ClientHello and ends with the last message of it
// that can be seen:
//
//   - Until TLS 1.2, when both sides have sent their Finished: the first handshake
//     record behind a ChangeCipherSpec is one. That is exact.
//   - In TLS 1.3, with the first encrypted record the client sends behind the
//     ServerHello. It holds the client's Finished, or, of a client that shows a
//     certificate, begins the flight that ends with it. Whether the server accepts
//     it is not seen: what it answers is encrypted.
//
// A client that offers early data may send it until its Finished. Nothing tells
// them apart, so the end of such a handshake is unknown.
//
// What is not seen: what TLS 1.3 encrypts (the protocol the server chose, its
// request for a certificate, alerts behind the ServerHello but for their being
// one); TLS that begins within a protocol that does not hand its connection over
// (STARTTLS); DTLS, QUIC, and the hello of SSL 2. With Encrypted Client Hello the
// name is the outer one.
//
// Source: RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 6066 (server_name), RFC 7301 (ALPN).
package tls

import "github.com/edf076de/ebpfreceiver/internal/proto"

// Name is the protocol's.
const Name = "tls"

// New returns the protocol, and what takes a connection over that was another
// protocol's before: if it is not TLS that follows, nothing is said of it.
func New() (*proto.Protocol, proto.Takeover) {
	protocol := &proto.Protocol{
		Name:   Name,
		Detect: detect,
		New: func(c proto.Conn, emit func(*proto.Exchange)) proto.Parser {
			return newParser(c, emit)
		},
		Duration: [2]proto.Metric{proto.Client: Duration, proto.Server: Duration},
	}
	takeover := func(c proto.Conn, emit func(*proto.Exchange)) *proto.Become {
		p := newParser(c, emit)
		p.taken = true
		return &proto.Become{Protocol: protocol, Next: p}
	}
	return protocol, takeover
}

// Duration is the metric of handshakes. There is no convention for it.
var Duration = proto.Metric{
	Name:        "ebpf.tls.handshake.duration",
	Description: "Duration of TLS handshakes, those that failed included.",
	Bounds:      []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
}
