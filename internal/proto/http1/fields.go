package http1

import "bytes"

// maxHead is the longest head. Servers commonly stop at 8 to 32 KiB.
const maxHead = 64 << 10

// hasEmptyLine reports whether the empty line that ends a head is in b. The
// first scanned bytes are known not to hold it: a head that comes in many pieces
// is not read from its beginning every time.
func hasEmptyLine(b []byte, scanned int) bool {
	for b = b[max(0, scanned-len("\n\r")):]; ; {
		_, rest, ok := cutLine(b)
		if !ok {
			return false
		}
		if line, _, ok := cutLine(rest); ok && len(line) == 0 {
			return true
		}
		b = rest
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
// 5.2), and what follows. more is false when no field is left: behind the empty
// line, which it skips, or where b is cut.
func cutField(b []byte) (field, rest []byte, more bool) {
	field, rest, ok := cutLine(b)
	if !ok || len(field) == 0 {
		return nil, rest, false
	}
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		fold, behind, whole := cutLine(rest)
		if !whole {
			break
		}
		field = append(append(bytes.Clone(field), ' '), trim(fold)...)
		rest = behind
	}
	return field, rest, true
}

// splitField takes a field apart. A line without a colon has no name.
func splitField(field []byte) (name, value []byte) {
	i := bytes.IndexByte(field, ':')
	if i < 0 {
		return nil, nil
	}
	return field[:i], trim(field[i+1:])
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

// parseRequestLine takes a request line apart whose beginning requestLine found
// good; ok says that it ends with the version.
func parseRequestLine(line []byte) (method, target []byte, minor byte, ok bool) {
	method, rest, _ := bytes.Cut(line, []byte{' '})
	target, version, _ := bytes.Cut(rest, []byte{' '})
	if len(version) != len("HTTP/1.1") {
		return nil, nil, 0, false
	}
	return method, target, version[len(version)-1], true
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
