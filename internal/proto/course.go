package proto

import "time"

// A Course is how an exchange went: the moments of the first and last bytes of
// its request and its response. A parser copies them from the Data that held the
// byte. A moment without a Time was not seen.
type Course struct {
	RequestStart, RequestEnd   Moment
	ResponseStart, ResponseEnd Moment

	// First marks the first exchange of its connection, when that does not begin
	// with one.
	First bool

	// The request or the response shared the connection: between its first and its
	// last byte others' crossed, or the peer's flow control may have held it. What
	// the connection met meanwhile is not only its own.
	RequestMixed, ResponseMixed bool
}

// A Moment is when a byte crossed the socket, and how the connection had fared
// until then. All times are since boot (CLOCK_MONOTONIC); zero is unknown.
type Moment struct {
	Offset  uint64        // in its direction's stream
	Time    time.Duration // the program handed it over, or got it
	Arrived time.Duration // a received byte: since when bytes had waited to be read
	Acked   time.Duration // when all that was sent until then was acknowledged
	Meter   Meter         // at a first byte without, at a last byte with what it met itself
}

// A Meter holds what has hindered a connection since it began. All but the last
// two fields only grow: what an exchange met is a difference.
type Meter struct {
	Unread      time.Duration // received bytes waited for the program to read them
	Full        time.Duration // bytes to send waited for room in the send buffer
	RTO         time.Duration // nothing moved until a retransmission timer expired
	Unseen      uint32        // times it is not known how long received bytes waited
	Retransmits uint32        // segments sent again
	ZeroWindows uint32        // times the peer's window was closed while bytes waited
	OutOfOrder  uint32        // segments that came while one before them was missing

	SRTT, MinRTT time.Duration // smoothed, and the shortest of the last minutes; zero unknown
}

// FirstMoment returns the moment of the first byte of d.
func (d *Data) FirstMoment() Moment {
	if d.Front == nil {
		return Moment{Time: d.First}
	}
	return *d.Front
}

// LastMoment returns the moment of the last byte of d.
func (d *Data) LastMoment() Moment {
	if d.Back == nil {
		return Moment{Time: d.Last}
	}
	return *d.Back
}
