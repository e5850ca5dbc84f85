package http1

// A tail recognises the end of a chunked body whose framing is not known: a
// line "0", fields or none, and an empty line (RFC 9112 section 7.1). Data may
// hold the same bytes, so it counts only at the end of a system call.
type tail uint8

const (
	inText     tail = iota
	carriage        // CR in text
	lineStart       // CRLF in text, or the first byte that can be seen
	lastChunk       // "0" at the start of a line, or more of them
	extension       // behind a ; in that line
	lastBreak       // CR of that line
	fieldStart      // its CRLF, or that of a field
	fieldName
	fieldValue
	fieldBreak // CR of a field
	endBreak   // CR of the empty line
	ended
)

// scan goes on over b.
func (t tail) scan(b []byte) tail {
	for _, c := range b {
		t = t.next(c)
	}
	return t
}

func (t tail) next(c byte) tail {
	switch {
	case t == inText && c != '\r':
		return inText
	case c == '\r':
		return t.carriage()
	case c == '\n':
		return t.newline()
	case c == '0' && (t == lineStart || t == lastChunk || t == fieldStart || t == ended):
		return lastChunk
	case t == extension || t == fieldValue:
		return t
	case t == lastChunk && c == ';':
		return extension
	case t == fieldName && c == ':':
		return fieldValue
	case (t == fieldStart || t == fieldName) && isToken[c]:
		return fieldName
	}
	return inText
}

func (t tail) carriage() tail {
	switch t {
	case lastChunk, extension:
		return lastBreak
	case fieldStart:
		return endBreak
	case fieldValue:
		return fieldBreak
	}
	return carriage
}

func (t tail) newline() tail {
	switch t {
	case carriage:
		return lineStart
	case lastBreak, fieldBreak:
		return fieldStart
	case endBreak:
		return ended
	}
	return inText
}
