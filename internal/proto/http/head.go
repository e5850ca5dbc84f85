package http

// A Head collects what the conventions want of one message's head. Its byte
// slices point into the caller's bytes and are forgotten by Release.
type Head struct {
	Method    []byte // requests only
	Target    []byte // the request target; ":path" of HTTP/2
	Scheme    []byte // ":scheme" of HTTP/2, else empty
	Authority []byte // Host or ":authority"
	Version   string // network.protocol.version
	Cut       bool   // fields may be missing: their absence says nothing

	userAgent      []byte
	forwarded      []byte
	forwardedFor   []byte
	forwardedHost  []byte
	forwardedProto []byte
	traceparent    []byte
	traceparents   int
	tracestate     []byte
	captured       []field

	request bool
	fields  *fields // the headers to record of this kind of message
	intern  interner
	buf     []byte
}

// A field is a captured header: which one, and one of its values.
type field struct {
	header int
	value  []byte
}

// RequestHead returns an empty Head for a request.
func (s *Semantics) RequestHead() *Head { return s.head(&s.request, true) }

// ResponseHead returns an empty Head for a response.
func (s *Semantics) ResponseHead() *Head { return s.head(&s.response, false) }

func (s *Semantics) head(f *fields, request bool) *Head {
	h := s.heads.Get().(*Head)
	h.fields, h.request = f, request
	return h
}

// Release gives h back. The caller must not use it again.
func (s *Semantics) Release(h *Head) {
	clear(h.captured)
	h.Method, h.Target, h.Scheme, h.Authority, h.Version = nil, nil, nil, nil, ""
	h.Cut = false
	h.userAgent, h.forwarded, h.forwardedFor = nil, nil, nil
	h.forwardedHost, h.forwardedProto = nil, nil
	h.traceparent, h.traceparents, h.tracestate = nil, 0, nil
	h.captured = h.captured[:0]
	s.heads.Put(h)
}

// Field takes one field. Of a field that may not repeat the first counts.
func (h *Head) Field(name, value []byte) {
	if h.request {
		h.requestField(name, value)
	}
	for i, header := range h.fields.headers {
		if Is(name, header.name) {
			h.captured = append(h.captured, field{i, value})
		}
	}
}

// Wants reports whether Field may want a field whose name begins with c.
func (h *Head) Wants(c byte) bool { return h.fields.first[c] }

func (h *Head) requestField(name, value []byte) {
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
