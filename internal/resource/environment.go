package resource

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// A pair is one member of OTEL_RESOURCE_ATTRIBUTES.
type pair struct{ key, value string }

// parseAttributes reads the value of OTEL_RESOURCE_ATTRIBUTES: members joined by
// commas, each "key=value" of baggage octets with %XX for all other bytes. One
// member that cannot be read makes all of them void. An empty member, as a
// trailing comma leaves, is skipped.
//
// Source: OpenTelemetry specification 1.50, resource SDK, "Specifying resource
// information via an environment variable"; W3C Baggage, section 3.3.1.
func parseAttributes(env string) []pair {
	var pairs []pair
	for member := range strings.SplitSeq(env, ",") {
		member = strings.Trim(member, blanks)
		if member == "" {
			continue
		}
		p, ok := parsePair(member)
		if !ok {
			return nil
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// blanks are the optional white space around keys and values.
const blanks = " \t"

func parsePair(member string) (p pair, ok bool) {
	key, value, found := strings.Cut(member, "=")
	if !found {
		return pair{}, false
	}
	p.key, ok = decode(strings.TrimRight(key, blanks))
	if !ok || p.key == "" {
		return pair{}, false
	}
	p.value, ok = decode(strings.TrimLeft(value, blanks))
	return p, ok
}

// decode undoes percent-encoding. It fails on an octet that had to be encoded
// and on a result that is not UTF-8.
func decode(s string) (string, bool) {
	for i := range len(s) {
		if !baggageOctet(s[i]) {
			return "", false
		}
	}
	s, err := url.PathUnescape(s)
	return s, err == nil && utf8.ValidString(s)
}

// baggageOctet reports whether c may stand unencoded: printable ASCII without
// the space and four marks.
func baggageOctet(c byte) bool {
	return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\'
}
