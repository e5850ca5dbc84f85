package http

import (
	"bytes"
	"net/url"
)

const redacted = "REDACTED"

// appendQuery appends query to buf with the values of sensitive parameters
// redacted; their names stay.
func (s *Semantics) appendQuery(buf, query []byte) []byte {
	for first := true; first || len(query) > 0; first = false {
		var pair []byte
		more := false
		pair, query, more = bytes.Cut(query, []byte{'&'})
		buf = s.appendPair(buf, pair)
		if more {
			buf = append(buf, '&')
		}
	}
	return buf
}

func (s *Semantics) appendPair(buf, pair []byte) []byte {
	i := bytes.IndexByte(pair, '=')
	if i < 0 || !s.isSensitive(pair[:i]) {
		return append(buf, pair...)
	}
	buf = append(buf, pair[:i+1]...)
	return append(buf, redacted...)
}

// isSensitive looks a name up as it is and as it reads: an escaped letter does
// not hide a secret.
func (s *Semantics) isSensitive(name []byte) bool {
	if bytes.IndexByte(name, '%') >= 0 {
		if plain, err := url.QueryUnescape(string(name)); err == nil {
			return s.sensitive[plain]
		}
	}
	return s.sensitive[string(name)]
}

// appendURL appends the target URI of a request (RFC 9110 section 7.1), redacted.
func (s *Semantics) appendURL(buf []byte, scheme string, t target, authority []byte) []byte {
	buf = append(buf, scheme...)
	buf = append(buf, "://"...)
	if t.userinfo {
		buf = append(buf, redacted+":"+redacted+"@"...)
	}
	buf = append(buf, authority...)
	if len(t.path) > 0 && t.path[0] != '*' {
		buf = append(buf, t.path...)
	}
	if t.query != nil {
		buf = append(buf, '?')
		buf = s.appendQuery(buf, t.query)
	}
	return buf
}
