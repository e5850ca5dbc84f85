package http

import (
	"bytes"
	"net/netip"
)

// element returns the value of a parameter in the first element of a Forwarded
// field, the one the first proxy wrote (RFC 7239 section 4).
func element(forwarded []byte, name string) []byte {
	for len(forwarded) > 0 {
		end := quotedIndex(forwarded)
		pair := forwarded[:end]
		key, value, _ := bytes.Cut(pair, []byte{'='})
		if Is(bytes.TrimSpace(key), name) {
			return bytes.Trim(bytes.TrimSpace(value), `"`)
		}
		if end == len(forwarded) || forwarded[end] == ',' {
			return nil
		}
		forwarded = forwarded[end+1:]
	}
	return nil
}

// quotedIndex finds the first ; or , outside of quotes, or the end.
func quotedIndex(b []byte) int {
	quoted := false
	for i, c := range b {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted && (c == ';' || c == ',') {
			return i
		}
	}
	return len(b)
}

// firstOf returns the first member of a comma-separated list.
func firstOf(list []byte) []byte {
	first, _, _ := bytes.Cut(list, []byte{','})
	return bytes.TrimSpace(first)
}

// clientAddress is the address the first proxy saw, "" when no proxy says or
// when it hides the client ("unknown", "_secret"; RFC 7239 section 6).
func (h *Head) clientAddress() string {
	if !h.proxied() {
		return ""
	}
	node := element(h.forwarded, "for")
	if node == nil {
		node = firstOf(h.forwardedFor)
	}
	if len(node) == 0 || len(node) > 64 {
		return ""
	}
	if a, err := netip.ParseAddr(h.intern.str(node)); err == nil {
		return h.address(a)
	}
	host, _, ok := hostPort(node)
	if !ok {
		return ""
	}
	a, err := netip.ParseAddr(h.intern.str(host))
	if err != nil {
		return ""
	}
	return h.address(a)
}

func (h *Head) address(a netip.Addr) string {
	h.buf = a.Unmap().AppendTo(h.buf[:0])
	return h.intern.str(h.buf)
}

// host is the authority the client asked for: what a proxy says it was, else
// the target's (which beats Host, RFC 9112 section 3.2.2), else Host.
func (h *Head) host(t target) []byte {
	if h.proxied() {
		for _, b := range [...][]byte{element(h.forwarded, "host"), firstOf(h.forwardedHost)} {
			if len(b) > 0 {
				return b
			}
		}
	}
	if len(t.authority) > 0 {
		return t.authority
	}
	return h.Authority
}

// proxied reports whether a proxy says anything: most requests save the search.
func (h *Head) proxied() bool {
	return h.forwarded != nil || h.forwardedFor != nil || h.forwardedHost != nil || h.forwardedProto != nil
}

// scheme is http or https (or ws, wss): nothing else becomes a metric dimension.
// It is empty when a field says it that was not seen.
func (h *Head) scheme(t target, tls bool) string {
	if h.proxied() {
		for _, b := range [...][]byte{element(h.forwarded, "proto"), firstOf(h.forwardedProto)} {
			if s := knownScheme(b); s != "" {
				return s
			}
		}
	}
	for _, b := range [...][]byte{t.scheme, h.Scheme} {
		if s := knownScheme(b); s != "" {
			return s
		}
	}
	switch {
	case h.Version == "2" && h.Cut:
		return ""
	case tls:
		return "https"
	}
	return "http"
}

func knownScheme(b []byte) string {
	if len(b) > 0 {
		for _, known := range [...]string{"https", "http", "wss", "ws"} {
			if Is(b, known) {
				return known
			}
		}
	}
	return ""
}
