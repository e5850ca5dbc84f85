package spans

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// chunkSize is how many bytes of text are allocated at once. Spans share a
// chunk, so whoever keeps one span of many keeps up to this much of the others.
const chunkSize = 4096

// A text keeps strings beyond the call they are valid in. It allocates one
// chunk for the strings of many spans and never writes a byte of it twice, so
// what it returned stays as it is.
type text struct{ chunk strings.Builder }

// keep returns a copy of s. Bytes that are not UTF-8 are replaced: one such
// string makes a receiver refuse the whole message.
func (t *text) keep(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	from := t.room(len(s))
	t.chunk.WriteString(s)
	return t.chunk.String()[from:]
}

// keepAddr returns an address as text.
func (t *text) keepAddr(a netip.Addr) string {
	var b [64]byte // more than the 45 bytes of an address; a zone may be longer
	s := a.AppendTo(b[:0])
	from := t.room(len(s))
	t.chunk.Write(s)
	return t.chunk.String()[from:]
}

// room makes sure that n bytes fit in the chunk and returns where they begin.
func (t *text) room(n int) int {
	if t.chunk.Cap()-t.chunk.Len() < n {
		t.chunk.Reset()
		t.chunk.Grow(max(n, chunkSize))
	}
	return t.chunk.Len()
}
