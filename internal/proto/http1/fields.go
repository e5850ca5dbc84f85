package http1

import "bytes"

// maxHead is the longest head. Servers commonly stop at 8 to 32 KiB.
const maxHead = 64 << 10

// headEnd returns the length of the head at the front of b, zero while its
// empty line is missing. The first scanned bytes are known not to hold it.
func headEnd(b []byte, scanned int) int {
	i := max(0, scanned-3)
	for {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		if i < len(b) && b[i] == '\n' {
			return i + 1
		}
		if i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
			return i + 2
		}
	}
}

// cutLine returns the first line of b without its end, CRLF or a bare LF
// (RFC 9112 section 2.2), and what follows. ok is false when no line ends in b.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, b, false
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest, true
}

// cutField returns the first field of b, folded lines joined (RFC 9112 section
// 5.2), and what follows. A line without a colon has no name. ok is false when
// no field is left.
func cutField(b []byte) (name, value, rest []byte, ok bool) {
	line, rest, ok := cutLine(b)
	if !ok || len(line) == 0 {
		return nil, nil, rest, false
	}
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		more, behind, whole := cutLine(rest)
		if !whole {
			break
		}
		line = append(append(bytes.Clone(line), ' '), trim(more)...)
		rest = behind
	}
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		return nil, nil, rest, true
	}
	return line[:i], trim(line[i+1:]), rest, true
}

// trim strips the blanks around a value.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// parseRequestLine takes a request line apart that requestLine found good.
func parseRequestLine(line []byte) (method, target []byte, minor byte) {
	i, j := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	return line[:i], line[i+1 : j], line[len(line)-1]
}

// parseStatusLine reads "HTTP/1.1 200 OK" that statusLine found good; the
// reason may be missing.
func parseStatusLine(line []byte) (status int, minor byte, ok bool) {
	const size = len("HTTP/1.1 200")
	if len(line) < size || len(line) > size && line[size] != ' ' {
		return 0, 0, false
	}
	for _, c := range line[size-3 : size] {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
		status = status*10 + int(c-'0')
	}
	return status, line[size-5], status >= 100
}
