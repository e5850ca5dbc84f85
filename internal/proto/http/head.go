package http

// A Head collects what the conventions want of one message's head. Its byte
// slices point into the caller's bytes and are forgotten by Release.
type Head struct {
	Method    []byte // requests only
	Target    []byte // the request target; ":path" of HTTP/2
	Scheme    []byte // ":scheme" of HTTP/2, else empty
	Authority []byte // Host or ":authority"
	Version   string // network.protocol.version

	userAgent      []byte
	forwarded      []byte
	forwardedFor   []byte
	forwardedHost  []byte
	forwardedProto []byte
	traceparent    []byte
	traceparents   int
	tracestate     []byte
	captured       []field

	capture *[]header // the headers to record of this kind of message
	intern  interner
	buf     []byte
}

// A field is a captured header: which one, and one of its values.
type field struct {
	header int
	value  []byte
}

// A header is one the configuration asks for.
type header struct {
	name string // in lower case
	key  string // of the attribute
}

// RequestHead returns an empty Head for a request.
func (s *Semantics) RequestHead() *Head { return s.head(&s.requestHeaders) }

// ResponseHead returns an empty Head for a response.
func (s *Semantics) ResponseHead() *Head { return s.head(&s.responseHeaders) }

func (s *Semantics) head(capture *[]header) *Head {
	h := s.heads.Get().(*Head)
	h.capture = capture
	return h
}

// Release gives h back. The caller must not use it again.
func (s *Semantics) Release(h *Head) {
	clear(h.captured)
	h.Method, h.Target, h.Scheme, h.Authority, h.Version = nil, nil, nil, nil, ""
	h.userAgent, h.forwarded, h.forwardedFor = nil, nil, nil
	h.forwardedHost, h.forwardedProto = nil, nil
	h.traceparent, h.traceparents, h.tracestate = nil, 0, nil
	h.captured = h.captured[:0]
	s.heads.Put(h)
}

// RequestField takes one field of a request. Of a field that may not repeat the
// first counts.
func (h *Head) RequestField(name, value []byte) {
	switch len(name) {
	case len("host"):
		once(&h.Authority, name, "host", value)
	case len("forwarded"):
		once(&h.forwarded, name, "forwarded", value)
	case len("user-agent"):
		once(&h.userAgent, name, "user-agent", value)
		h.addTracestate(name, value)
	case len("traceparent"):
		if Is(name, "traceparent") {
			h.traceparent = value
			h.traceparents++
		}
	case len("x-forwarded-for"):
		once(&h.forwardedFor, name, "x-forwarded-for", value)
	case len("x-forwarded-host"):
		once(&h.forwardedHost, name, "x-forwarded-host", value)
	case len("x-forwarded-proto"):
		once(&h.forwardedProto, name, "x-forwarded-proto", value)
	}
	h.record(name, value)
}

// ResponseField takes one field of a response.
func (h *Head) ResponseField(name, value []byte) { h.record(name, value) }

// record keeps a value of a header the configuration asks for.
func (h *Head) record(name, value []byte) {
	for i := range *h.capture {
		if Is(name, (*h.capture)[i].name) {
			h.captured = append(h.captured, field{i, value})
		}
	}
}

func once(to *[]byte, name []byte, want string, value []byte) {
	if *to == nil && Is(name, want) {
		*to = value
	}
}

// Is reports whether a field name is want, which is in lower case: names are
// case-insensitive (RFC 9110 section 5.1).
func Is(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
