package http

import (
	"bytes"
	"encoding/hex"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// maxMembers of a tracestate (https://www.w3.org/TR/trace-context/#list).
const maxMembers = 32

// addTracestate joins the values of several tracestate fields.
func (h *Head) addTracestate(name, value []byte) {
	if !Is(name, "tracestate") || len(value) == 0 {
		return
	}
	if h.tracestate == nil {
		h.tracestate = value
		return
	}
	h.tracestate = append(bytes.Clone(h.tracestate), ',')
	h.tracestate = append(h.tracestate, value...)
}

// parent returns the trace context of a request, zero when there is none or it
// is malformed: a parent is never guessed.
func (h *Head) parent() proto.TraceContext {
	if h.traceparents != 1 {
		return proto.TraceContext{}
	}
	c, ok := parseTraceparent(h.traceparent)
	if !ok {
		return proto.TraceContext{}
	}
	if members := 1 + bytes.Count(h.tracestate, []byte{','}); members <= maxMembers {
		c.State = h.intern.str(h.tracestate)
	}
	return c
}

// parseTraceparent reads version-trace-span-flags in lower-case hexadecimal.
// A later version may add fields behind another dash.
//
// Source: https://www.w3.org/TR/trace-context/#traceparent-header-field-values
func parseTraceparent(b []byte) (c proto.TraceContext, ok bool) {
	const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(b) < size || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return c, false
	}
	var version, flags [1]byte
	ok = unhex(version[:], b[:2]) && unhex(c.Trace[:], b[3:35]) &&
		unhex(c.Span[:], b[36:52]) && unhex(flags[:], b[53:55])
	if !ok || version[0] == 0xff || !c.Valid() {
		return proto.TraceContext{}, false
	}
	switch {
	case version[0] == 0 && (len(b) != size || flags[0] > 3):
		return proto.TraceContext{}, false // version 00 has two flags and nothing behind them
	case len(b) > size && b[size] != '-':
		return proto.TraceContext{}, false
	}
	c.Flags = flags[0] & 3 // sampled, random trace id
	return c, true
}

func unhex(to, b []byte) bool {
	for _, c := range b {
		if 'A' <= c && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(to, b)
	return err == nil
}
