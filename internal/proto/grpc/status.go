package grpc

import (
	"strconv"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// Codes of calls.
const (
	ok                = 0
	cancelled         = 1
	unknown           = 2
	deadlineExceeded  = 4
	permissionDenied  = 7
	resourceExhausted = 8
	unimplemented     = 12
	internal          = 13
	unavailable       = 14
	dataLoss          = 15
	unauthenticated   = 16
	none              = -1 // not known
)

const cancel = 0x8 // the error code of HTTP/2 (RFC 9113 section 7)

// names of the codes.
//
// Source: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
var names = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
	"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
	"OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// name of a code that was sent: one without a name is its number.
func name(code int) string {
	if code < len(names) {
		return names[code]
	}
	return strconv.Itoa(code)
}

// serverErrors are the codes that are the fault of a server.
//
// Source: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
var serverErrors = [len(names)]bool{
	unknown: true, deadlineExceeded: true, unimplemented: true, internal: true, unavailable: true, dataLoss: true,
}

// isError reports whether a code is an error to a side: to a client all are but OK.
func isError(code int, side proto.Side) bool {
	if side == proto.Client || code >= len(names) {
		return code != ok
	}
	return serverErrors[code]
}

// An Outcome is how the stream of a call ended, beside its trailers.
type Outcome struct {
	Reset  bool          // with RST_STREAM, or refused by GOAWAY
	By     proto.Side    // who reset it
	Code   uint32        // of the reset
	Status int           // of HTTP; zero: none was seen
	After  time.Duration // since the first byte of the request
}

// ofReset are the codes of resets as those of calls; what the protocol does not
// map is not known.
//
// Source: PROTOCOL-HTTP2.md, "Errors".
var ofReset = [...]int{
	internal, internal, internal, internal, internal, none /* STREAM_CLOSED */, internal, unavailable,
	cancelled, internal, internal, resourceExhausted, permissionDenied, none, /* HTTP_1_1_REQUIRED */
}

// overdue reports whether a timeout had passed. Libraries take the time before
// they send the request, so it may seem to pass a little early.
func overdue(timeout, after time.Duration) bool {
	return timeout > 0 && after >= timeout-min(timeout/8, 2*time.Millisecond)
}

// code returns the status of the call, none when it is not known.
func (c *Call) code(o *Outcome) int {
	switch {
	case c.status > 0:
		return c.status - 1
	case o.Reset && o.By == proto.Client && o.Code == cancel:
		return c.cancelled(o.After)
	case o.Reset:
		if o.Code < uint32(len(ofReset)) {
			return ofReset[o.Code]
		}
	case o.Status > 0 && o.Status != 200:
		return ofHTTP(o.Status)
	}
	return none
}

// cancelled is the status of a call that the client cancelled: it does so too
// when the time is over that the request gave itself.
func (c *Call) cancelled(after time.Duration) int {
	switch {
	case overdue(c.timeout, after):
		return deadlineExceeded
	case c.timeout == 0 && c.partly:
		return none
	}
	return cancelled
}

// ofHTTP is the status a client makes of a response that is none of gRPC.
//
// Source: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
func ofHTTP(status int) int {
	switch status {
	case 400:
		return internal
	case 401:
		return unauthenticated
	case 403:
		return permissionDenied
	case 404:
		return unimplemented
	case 429, 502, 503, 504:
		return unavailable
	}
	return unknown
}
