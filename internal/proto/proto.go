// Package proto turns the bytes of a connection into exchanges.
//
// A Protocol recognises a connection by its first bytes and makes a Parser for
// it. The tracker in package conn feeds the Parser both directions in the order
// the bytes crossed the socket; the Parser emits one Exchange for every request
// and its response. Protocols know nothing of spans or metrics.
package proto

import (
	"errors"
	"net/netip"
	"time"
)

// A Protocol is one wire protocol: how to recognise it and how to read it.
type Protocol struct {
	// Name is the protocol in the self-metrics and logs: "http1".
	Name string

	// Detect judges the first bytes the client and the server sent. Either may
	// be empty. It must answer No as soon as it can: a connection nobody
	// recognises is muted in the kernel.
	Detect func(client, server []byte) Verdict

	// New returns the parser of one connection. emit takes every finished
	// exchange; the exchange and its slices are valid only during the call, its
	// strings are ordinary strings.
	New func(c Conn, emit func(*Exchange)) Parser

	// Duration is the histogram of durations by the side the process is on.
	Duration [2]Metric

	// Frames says that the kernel side copies such a connection by its frames,
	// and not by heads.
	Frames bool
}

// DurationOf returns the histogram x belongs to. Its name is empty when there is none.
func (p *Protocol) DurationOf(x *Exchange) *Metric {
	if x.Duration != nil {
		return x.Duration
	}
	return &p.Duration[x.Side]
}

// A Metric is a histogram of durations in seconds, or, with a unit, a count.
type Metric struct {
	Name        string    // "http.server.request.duration"
	Unit        string    // of a count: "{connection}"
	Description string    // of the semantic conventions
	Bounds      []float64 // upper bounds of the buckets, in seconds
}

// Verdict is the answer of Detect.
type Verdict int

// The verdicts.
const (
	No    Verdict = iota // another protocol, for certain
	Maybe                // too few bytes to tell
	Yes
)

// Side is one end of a connection: who sends requests, who answers.
type Side uint8

// The sides.
const (
	Client Side = iota
	Server
)

// Other returns the other side.
func (s Side) Other() Side { return s ^ 1 }

// Conn is what a parser may know of its connection.
type Conn struct {
	Side          Side           // the observed process's
	Local, Remote netip.AddrPort // of the observed process's socket
	TLS           bool           // the bytes were read beside TLS
	PeerName      string         // that the process looked up to get the remote address; often unknown

	// Lose counts something of the connection that no exchange tells of, by its
	// reason. It may be nil.
	Lose func(reason string)
}

// Data is what one side sent and the parser has not used yet: Bytes, then a
// hole of Hole bytes that crossed the socket but were not captured.
type Data struct {
	From  Side
	Bytes []byte // valid until Parse returns
	Hole  uint64 // bytes missing behind Bytes
	Lost  bool   // the hole is a loss (a full ring, a fault), not thrift

	// End marks that the last of Bytes ended a system call of the process. A
	// message whose framing fell in a hole may be judged by its last bytes.
	End bool

	// Frame marks that Bytes begins a frame, by the kernel side's own count: a
	// parser that lost its place may go on here.
	Frame bool

	// First and Last say when the first and last byte of Bytes and Hole
	// crossed the socket, since boot (CLOCK_MONOTONIC). Sent bytes carry the
	// time the kernel took them, received bytes the time the process got them.
	First, Last time.Duration

	Thread uint32 // that moved the first byte

	// Front and Back say more of the moments of the first and the last byte.
	// They are valid until Parse returns; nil when nothing more is known.
	Front, Back *Moment
}

// Len is how many bytes of the stream d covers.
func (d *Data) Len() uint64 { return uint64(len(d.Bytes)) + d.Hole }

// A Parser follows one connection and emits its exchanges.
type Parser interface {
	// Parse reads from the front of d and returns how many bytes it used: of
	// Bytes, then of Hole. Zero asks for more: the tracker calls again with the
	// same bytes and the ones behind them, or, if none can follow because a
	// hole does, with Hole set. When Hole is set, zero is not an answer: the
	// parser uses some bytes or returns ErrLost.
	//
	// ErrLost says the framing is lost. The tracker drops what it has of this
	// direction and next offers bytes that began a message by all the kernel
	// can tell: the first ones sent after the other side's.
	//
	// ErrStop says the connection is no longer this protocol's (an upgrade),
	// ErrUnpaired that it is but cannot be followed, ErrCarry that the rest of it
	// is encrypted, any other error that it never was. All end the capture; the
	// parser has emitted its open exchanges.
	//
	// A Become, with n more than zero, hands the connection to another parser.
	Parse(d *Data) (n uint64, err error)

	// EOF says that no bytes of from will follow: its FIN was seen.
	EOF(from Side, at time.Duration)

	// Close ends the exchanges still open. reason is their error.type.
	Close(at time.Duration, reason string)
}

var (
	// ErrStop ends the parsing of a connection without blame.
	ErrStop = errors.New("protocol ended")
	// ErrLost asks for the next beginning of a message.
	ErrLost = errors.New("framing lost")
	// ErrUnpaired ends the parsing of a connection: after a loss nothing proves
	// any more which response answers which request.
	ErrUnpaired = errors.New("pairing lost")
	// ErrCarry ends the parsing of a connection that lives on: nobody can read
	// its bytes any more, but what they carry may be seen where it is not encrypted.
	ErrCarry = errors.New("carries what is encrypted")
)

// A Become is the error by which a parser hands its connection to another one:
// it was upgraded to another protocol. What follows the bytes used is for Next.
type Become struct {
	Protocol *Protocol
	Next     Parser
}

// A Takeover makes the parser that takes over a connection, of which c and emit are.
type Takeover func(c Conn, emit func(*Exchange)) *Become

// Error names the other protocol.
func (b *Become) Error() string { return "protocol became " + b.Protocol.Name }

// The reasons a connection ends an exchange, as error.type says them.
const (
	ReasonClosed  = "connection_closed"  // FIN or close before the response was complete
	ReasonReset   = "connection_reset"   // RST
	ReasonTimeout = "connection_timeout" // the peer stopped acknowledging
)

// An Exchange is one request and its response: one span, one point in a histogram.
type Exchange struct {
	Name       string        // low-cardinality span name: "GET /users/{id}"
	Side       Side          // the observed process's
	Start, End time.Duration // since boot (CLOCK_MONOTONIC)
	Err        string        // error.type; empty when the exchange succeeded
	Thread     uint32        // that moved the first byte of the request
	Attrs      []Attr
	Parent     TraceContext // found in the request; zero when there was none
	Capture    Capture      // what of it was not seen
	Course     Course       // for the split of its time
	Duration   *Metric      // the histogram it belongs to; nil: the protocol's
	Resolved   *Resolved    // the name the process asked for, and what it learned; nil: it asked for none
	TLS        *TLS         // the exchange is a handshake, and this is what it said; outlives the exchange
	MetricOnly bool         // it is no span
}

// Resolved says which addresses a name has, as a process was told.
type Resolved struct {
	Name      string // the one it asked for
	Type      string // of the question: "A"
	GivenUp   bool   // nobody answered
	Addresses []netip.Addr
	TTL       time.Duration
}

// Capture says what of an exchange could not be seen.
type Capture uint8

// The reasons an exchange is incomplete, as a set.
const (
	CutHead      Capture = 1 << iota // a head was longer than the capture
	Gap                              // bytes were lost between kernel and parser
	NoResponse                       // the response was lost: status unknown, End a bound
	UnknownEnd                       // the end of the response could not be seen
	UnknownTable                     // fields were sent as references to ones that were not seen (HPACK)
)

// A TraceContext is what a W3C traceparent and tracestate header say.
//
// Source: https://www.w3.org/TR/trace-context/#traceparent-header
type TraceContext struct {
	Trace [16]byte
	Span  [8]byte
	Flags byte
	State string
}

// Valid reports whether the context names a parent.
func (t *TraceContext) Valid() bool { return t.Trace != [16]byte{} && t.Span != [8]byte{} }

// An Attr is a semantic-convention attribute: a string, a list of strings, an
// integer or a truth value.
type Attr struct {
	Key    string
	Str    string
	Int    int64 // of a truth value 1 or 0
	List   []string
	Kind   Kind
	Metric bool // a metric dimension too
}

// Kind says which field of an Attr holds its value.
type Kind uint8

// The kinds.
const (
	KindStr Kind = iota
	KindInt
	KindList
	KindBool
)

// Str returns a string attribute of the span.
func Str(key, value string) Attr { return Attr{Key: key, Str: value} }

// Int returns an integer attribute of the span.
func Int(key string, value int64) Attr { return Attr{Key: key, Int: value, Kind: KindInt} }

// List returns a string-list attribute of the span.
func List(key string, values []string) Attr { return Attr{Key: key, List: values, Kind: KindList} }

// Bool returns a truth value as an attribute of the span.
func Bool(key string, value bool) Attr {
	a := Attr{Key: key, Kind: KindBool}
	if value {
		a.Int = 1
	}
	return a
}

// Dim returns a as a metric dimension too.
func (a Attr) Dim() Attr { a.Metric = true; return a }
