package tls

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// The extensions that are of interest.
//
// Source: https://www.iana.org/assignments/tls-extensiontype-values
const (
	serverName        = 0
	alpn              = 16
	preSharedKey      = 41
	earlyData         = 42
	supportedVersions = 43
	keyShare          = 51
)

const (
	randomSize  = 32
	maxName     = 255 // of a DNS name
	maxOffered  = 8   // protocols that are kept
	namedCurve  = 3   // RFC 8422 section 5.4
	hostNameTag = 0   // RFC 6066 section 3
)

// retry is the random of a ServerHello that asks for another ClientHello
// (RFC 8446 section 4.1.3).
const retry = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// readClientHello takes what a client says; early: it may send data before the
// handshake has ended.
func readClientHello(body []byte, t *proto.TLS) (early bool) {
	c := cursor{body}
	c.take(2 + randomSize)
	c.vector8()  // session
	c.vector16() // suites
	c.vector8()  // compressions
	for kind, e := range c.extensions() {
		switch kind {
		case serverName:
			t.ServerName = readServerName(e)
		case alpn:
			t.Offered = readProtocols(e)
		case earlyData:
			early = true
		}
	}
	return early
}

func readServerName(e cursor) string {
	list := e.vector16()
	if tag, ok := list.uint8(); !ok || tag != hostNameTag {
		return ""
	}
	if name := list.vector16(); len(name.rest) <= maxName {
		return string(name.rest)
	}
	return ""
}

func readProtocols(e cursor) (all []string) {
	list := e.vector16()
	for len(list.rest) > 0 && len(all) < maxOffered {
		name := list.vector8().rest
		if len(name) > 0 && !grease(name) {
			all = append(all, string(name))
		}
	}
	return all
}

// grease reports whether a name is one nobody has, sent to keep servers tolerant (RFC 8701).
func grease(name []byte) bool {
	return len(name) == 2 && name[0] == name[1] && name[0]&0x0f == 0x0a
}

// An answer is a ServerHello.
type answer struct {
	retry bool // the client is to begin again
	psk   bool // a key both had before was chosen
}

// readServerHello takes what a server chose. Of a message that is cut it takes
// what there is; the version of such a one is only known when it is said.
func readServerHello(body []byte, whole bool, t *proto.TLS) (a answer) {
	c := cursor{body}
	legacy, _ := c.uint16()
	a.retry = string(c.take(randomSize)) == retry
	c.vector8() // session
	suite, _ := c.uint16()
	t.Cipher = suites[suite]
	c.uint8() // compression
	if whole {
		t.Version = versions[legacy]
	}
	for kind, e := range c.extensions() {
		switch kind {
		case supportedVersions:
			selected, _ := e.uint16()
			t.Version = versions[selected]
		case alpn:
			if chosen := readProtocols(e); len(chosen) == 1 {
				t.NextProtocol = chosen[0]
			}
		case keyShare:
			group, _ := e.uint16()
			t.Curve = groups[group]
		case preSharedKey:
			a.psk = true
		}
	}
	return a
}

// readKeyExchange takes the group of a ServerKeyExchange.
func readKeyExchange(body []byte, t *proto.TLS) {
	c := cursor{body}
	if tag, ok := c.uint8(); ok && tag == namedCurve {
		group, _ := c.uint16()
		t.Curve = groups[group]
	}
}
