package spans

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// valid replaces bytes that are not UTF-8: one such string makes a receiver
// refuse the whole message.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// addresses holds the text of addresses: peers come again and again. It is
// emptied when it is full, so scanning peers cost time but no memory.
type addresses map[netip.Addr]string

const maxAddresses = 1024

func (a addresses) text(addr netip.Addr) string {
	if s, ok := a[addr]; ok {
		return s
	}
	if len(a) >= maxAddresses {
		clear(a)
	}
	s := addr.String()
	a[addr] = s
	return s
}
