package http

import "bytes"

// A target is a request target taken apart (RFC 9112 section 3.2).
type target struct {
	scheme    []byte // of the absolute form
	authority []byte // of the absolute and the authority form, without userinfo
	userinfo  bool   // the authority had one
	path      []byte
	query     []byte
}

// splitTarget takes b apart. connect says that the method is CONNECT, the only
// one whose target is an authority.
func splitTarget(b []byte, connect bool) target {
	if connect {
		return authorityForm(target{}, b)
	}
	if len(b) == 0 || b[0] == '/' || b[0] == '*' {
		return originForm(target{}, b)
	}
	scheme, rest, ok := bytes.Cut(b, []byte("://"))
	if !ok || !isScheme(scheme) {
		return originForm(target{}, b)
	}
	t := target{scheme: scheme}
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	t = authorityForm(t, rest[:end])
	t = originForm(t, rest[end:])
	if len(t.path) == 0 {
		t.path = []byte{'/'} // the empty path of an http URI is "/" (RFC 9110 section 4.2.3)
	}
	return t
}

// authorityForm strips the userinfo, which is never recorded.
func authorityForm(t target, b []byte) target {
	if i := bytes.LastIndexByte(b, '@'); i >= 0 {
		t.userinfo = true
		b = b[i+1:]
	}
	t.authority = b
	return t
}

func originForm(t target, b []byte) target {
	if i := bytes.IndexByte(b, '#'); i >= 0 {
		b = b[:i] // a fragment is not sent; who sends one is not asking for it
	}
	if i := bytes.IndexByte(b, '?'); i >= 0 {
		b, t.query = b[:i], b[i+1:]
	}
	t.path = b
	return t
}

// isScheme reports whether b is a URI scheme (RFC 3986 section 3.1).
func isScheme(b []byte) bool {
	for i, c := range b {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return len(b) > 0
}

// hostPort splits an authority into its host, without the brackets of an IPv6
// literal, and its port, zero if there is none. ok is false when it is neither.
func hostPort(b []byte) (host []byte, port int64, ok bool) {
	host = b
	if len(b) > 0 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 0 {
			return nil, 0, false
		}
		host, b = b[1:i], b[i+1:]
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		host, b = b[:i], b[i:]
	} else {
		b = nil
	}
	if len(b) > 1 {
		if port, ok = parsePort(b); !ok {
			return nil, 0, false
		}
	}
	return host, port, isHost(host)
}

// parsePort reads ":8080".
func parsePort(b []byte) (port int64, ok bool) {
	if b[0] != ':' || len(b) > len(":65535") {
		return 0, false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		port = port*10 + int64(c-'0')
	}
	return port, port > 0 && port < 1<<16
}

// isHost refuses what cannot be a name or an address: a host is a metric
// dimension, and anybody can send one.
func isHost(b []byte) bool {
	for _, c := range b {
		switch {
		case c <= ' ', c >= 0x7f:
			return false
		case c == '/', c == '\\', c == '?', c == '#', c == '@', c == '"', c == '<', c == '>':
			return false
		}
	}
	return len(b) > 0 && len(b) <= 255
}
