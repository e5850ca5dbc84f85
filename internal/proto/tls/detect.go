package tls

import (
	"encoding/binary"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// detect recognises a ClientHello, and a connection joined behind one by
// records of application data.
func detect(client, server []byte) proto.Verdict {
	if v := hello(client); v == proto.Yes {
		return v
	}
	c, s := data(client), data(server)
	switch {
	case c == proto.Yes && s != proto.No, s == proto.Yes && c != proto.No:
		return proto.Yes
	case c == proto.No && hello(client) == proto.No, s == proto.No:
		return proto.No
	}
	return proto.Maybe
}

// hello judges whether b begins with a ClientHello: a record of the handshake
// protocol that begins with a message of that type.
func hello(b []byte) proto.Verdict {
	switch {
	case len(b) > 0 && b[0] != handshake,
		len(b) > 1 && b[1] != major,
		len(b) > 2 && b[2] > maxMinor,
		len(b) >= headerSize && !plausible(binary.BigEndian.Uint16(b[3:])),
		len(b) > headerSize && b[headerSize] != clientHello:
		return proto.No
	case len(b) > headerSize:
		return proto.Yes
	}
	return proto.Maybe
}

// data judges whether b is a record of application data, whole and followed by
// nothing or by what may be a record.
func data(b []byte) proto.Verdict {
	switch {
	case !begins(b, applicationData):
		return proto.No
	case len(b) < headerSize:
		return proto.Maybe
	}
	rest := headerSize + int(binary.BigEndian.Uint16(b[3:]))
	switch {
	case len(b) < rest:
		return proto.Maybe
	case len(b) == rest, begins(b[rest:], 0):
		return proto.Yes
	}
	return proto.No
}

// begins reports whether b may begin with a record, of a type if that is not 0.
// Behind the hellos every version writes the number of TLS 1.2, or its own.
func begins(b []byte, kind uint8) bool {
	switch {
	case len(b) > 0 && (kind != 0 && b[0] != kind || !known(b[0])),
		len(b) > 1 && b[1] != major,
		len(b) > 2 && (b[2] == 0 || b[2] >= maxMinor),
		len(b) >= headerSize && !plausible(binary.BigEndian.Uint16(b[3:])):
		return false
	}
	return true
}
