package dns

import (
	"encoding/binary"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// detect asks for a question as every resolver sends it: one, of a name, and
// nothing answered yet. About a hundred bits must be as they should, so it does
// not ask for the port.
func detect(client, server []byte) proto.Verdict {
	if len(client) > 0 || len(server) == 0 {
		return judge(client, false)
	}
	return judge(server, true)
}

const maxQuery = 1024

func judge(b []byte, response bool) proto.Verdict {
	if len(b) < lengthSize {
		return proto.Maybe
	}
	size := int(binary.BigEndian.Uint16(b))
	if size <= headerSize || !response && size > maxQuery {
		return proto.No
	}
	b = b[lengthSize:min(len(b), lengthSize+size)]
	if !header(b, response) {
		return proto.No
	}
	if len(b) < headerSize {
		return proto.Maybe
	}
	return names(b[headerSize:], len(b) == size)
}

// header judges what there is of one (RFC 1035 section 4.1.1).
func header(b []byte, response bool) bool {
	at := func(i int) byte {
		if i < len(b) {
			return b[i]
		}
		return wanted(i, response)
	}
	const qr, opcode, ra, z, rcode = 0x80, 0x78, 0x80, 0x40, 0x0f
	if at(2)&opcode != 0 || (at(2)&qr != 0) != response || at(3)&z != 0 || at(4) != 0 || at(5) != 1 {
		return false
	}
	if response {
		return true
	}
	// No answers, at most the one authority of IXFR, at most EDNS and a signature.
	return at(3)&(ra|rcode) == 0 && at(6) == 0 && at(7) == 0 && at(8) == 0 && at(9) <= 1 && at(10) == 0 && at(11) <= 2
}

// wanted is what a byte of a header that has not come yet may be.
func wanted(i int, response bool) byte {
	switch {
	case i == 2 && response:
		return 0x80
	case i == 5:
		return 1
	}
	return 0
}

// names judges the question: labels, then a type and a class that is in use.
func names(b []byte, whole bool) proto.Verdict {
	more := proto.Maybe
	if whole {
		more = proto.No
	}
	i := 0
	for {
		if i >= len(b) {
			return more
		}
		n := int(b[i])
		i += 1 + n
		switch {
		case n == 0:
			return class(b[i:], more)
		case n > 63 || i > 255:
			return proto.No
		}
	}
}

func class(b []byte, more proto.Verdict) proto.Verdict {
	if len(b) < 4 {
		return more
	}
	switch binary.BigEndian.Uint16(b[2:]) {
	case 1, 3, 4, 254, 255:
		return proto.Yes
	}
	return proto.No
}
