package proto

import "time"

// A TLS is what the handshake of a connection said in the clear. What it did not
// say, or what of it was not seen, is empty.
type TLS struct {
	Version      string   // negotiated, "1.3"; of SSL "3"
	Cipher       string   // the suite's registered name: "TLS_AES_128_GCM_SHA256"
	Curve        string   // the registered name of the group the keys were exchanged in: "x25519"
	ServerName   string   // whom the client asked for (SNI)
	NextProtocol string   // that the server chose (ALPN): "h2"; TLS 1.3 encrypts it
	Offered      []string // that the client offered to choose from
	Resumed      Answer   // an earlier session was
	AskedClient  Answer   // the server asked for the client's certificate; TLS 1.3 encrypts that

	Established bool          // the handshake ended well
	Start, End  time.Duration // of the handshake, since boot (CLOCK_MONOTONIC); zero unknown
}

// An Answer is yes, no or unknown.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	Negative
	Positive
)

// AnswerOf returns the answer that yes gives.
func AnswerOf(yes bool) Answer {
	if yes {
		return Positive
	}
	return Negative
}

// Attributes of TLS in the conventions, and this receiver's own.
//
// Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/tls/
const (
	keyProtocolName = "tls.protocol.name"
	keyVersion      = "tls.protocol.version"
	keyCipher       = "tls.cipher"
	keyCurve        = "tls.curve"
	keyResumed      = "tls.resumed"
	keyNextProtocol = "tls.next_protocol"
	keyOffered      = "ebpf.tls.offered_protocols"
	keyAskedClient  = "ebpf.tls.client_certificate_requested"
)

// Attrs appends the attributes that describe the connection. The protocols the
// client offered are among them when it is not known which was chosen.
func (t *TLS) Attrs(to []Attr) []Attr {
	to = append(to, Str(keyProtocolName, t.protocol()))
	to = appendStr(to, keyVersion, t.Version)
	to = appendStr(to, keyCipher, t.Cipher)
	to = appendStr(to, keyCurve, t.Curve)
	to = appendAnswer(to, keyResumed, t.Resumed)
	to = appendStr(to, keyNextProtocol, t.NextProtocol)
	if t.NextProtocol == "" && len(t.Offered) > 0 {
		to = append(to, List(keyOffered, t.Offered))
	}
	return appendAnswer(to, keyAskedClient, t.AskedClient)
}

// Dims appends the attributes that are dimensions of metrics.
func (t *TLS) Dims(to []Attr) []Attr {
	from := len(to)
	to = appendStr(to, keyVersion, t.Version)
	to = appendAnswer(to, keyResumed, t.Resumed)
	for i := range to[from:] {
		to[from+i].Metric = true
	}
	return to
}

// protocol is the name of the protocol: versions up to 3.0 were called SSL.
func (t *TLS) protocol() string {
	if t.Version == "3" {
		return "ssl"
	}
	return "tls"
}

func appendStr(to []Attr, key, value string) []Attr {
	if value == "" {
		return to
	}
	return append(to, Str(key, value))
}

func appendAnswer(to []Attr, key string, a Answer) []Attr {
	if a == Unknown {
		return to
	}
	return append(to, Bool(key, a == Positive))
}
