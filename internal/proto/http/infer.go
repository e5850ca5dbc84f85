package http

import "bytes"

const (
	maxSegments = 8  // deeper paths are cut: they name files, not routes
	maxLiteral  = 40 // longer segments are values
	minHash     = 16 // shorter hexadecimal may be a word
)

// appendRoute appends a guess at the route of path: segments that look like
// values become parameters. It is a heuristic, and off by default: the
// convention forbids to take http.route from the path unasked.
func appendRoute(buf, path []byte) []byte {
	for i := 0; len(path) > 0 && path[0] == '/'; i++ {
		if i == maxSegments {
			return append(buf, "/{path...}"...)
		}
		segment := path[1:]
		if end := bytes.IndexByte(segment, '/'); end >= 0 {
			segment = segment[:end]
		}
		path = path[1+len(segment):]
		buf = append(buf, '/')
		if name := parameter(segment); name != "" {
			buf = append(buf, name...)
		} else {
			buf = append(buf, segment...)
		}
	}
	return buf
}

// parameter names what a segment seems to be, "" for a literal.
func parameter(s []byte) string {
	var digits, hex, letters, dashes int
	for _, c := range s {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			hex++
		case 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '.' || c == '~':
			letters++
		case c == '-':
			dashes++
		default:
			return "{value}" // an escape, a list, an address
		}
	}
	switch n := len(s); {
	case n == 0:
		return ""
	case digits == n:
		return "{id}"
	case letters == 0 && isUUID(s, dashes):
		return "{uuid}"
	case letters+dashes == 0 && digits > 0 && n >= minHash:
		return "{hash}"
	case n > maxLiteral || digits > 4 && digits > n/3:
		return "{value}"
	}
	return ""
}

// isUUID judges the shape of RFC 9562 section 4; the digits are known to be hexadecimal.
func isUUID(s []byte, dashes int) bool {
	return len(s) == 36 && dashes == 4 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}
