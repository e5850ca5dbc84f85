package nat

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// The numbers of the protocol, from the kernel's include/uapi/linux:
// netfilter/nfnetlink.h, netfilter/nfnetlink_conntrack.h, netlink.h.
const (
	headerSize   = 16       // struct nlmsghdr: length, type, flags, sequence, port
	messageGet   = 1<<8 | 1 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
	messageNew   = 1 << 8   // likewise, IPCTNL_MSG_CT_NEW: what the answer is
	messageError = 2        // NLMSG_ERROR
	flagRequest  = 1        // NLM_F_REQUEST
	genericSize  = 4        // struct nfgenmsg: family, version, resource

	tupleOriginal = 1 // CTA_TUPLE_ORIG
	tupleReply    = 2 // CTA_TUPLE_REPLY
	tupleIP       = 1 // CTA_TUPLE_IP
	tupleProto    = 2 // CTA_TUPLE_PROTO
	ipV4From      = 1 // CTA_IP_V4_SRC; the one behind it is CTA_IP_V4_DST
	ipV6From      = 3 // CTA_IP_V6_SRC; likewise
	protoNumber   = 1 // CTA_PROTO_NUM
	protoFrom     = 2 // CTA_PROTO_SRC_PORT
	protoTo       = 3 // CTA_PROTO_DST_PORT

	attributeHeader = 4 // struct nlattr: length with it, type
	attributeNested = 1 << 15
	attributeType   = 1<<14 - 1

	familyV4 = 2  // AF_INET
	familyV6 = 10 // AF_INET6
	protoTCP = 6
)

// encodeQuestion appends the question for the connection with this tuple. The
// kernel finds it whether the tuple is the original one or the reply.
func encodeQuestion(b []byte, sequence uint32, q tuple) []byte {
	at := len(b)
	b = binary.NativeEndian.AppendUint32(b, 0) // the length, below
	b = binary.NativeEndian.AppendUint16(b, messageGet)
	b = binary.NativeEndian.AppendUint16(b, flagRequest)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = encode(b, q)
	binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// encode appends what the question is about.
func encode(b []byte, q tuple) []byte {
	family, from := byte(familyV4), uint16(ipV4From)
	if q.from.Addr().Is6() {
		family, from = familyV6, ipV6From
	}
	b = append(b, family, 0, 0, 0)
	return nest(b, tupleOriginal, func(b []byte) []byte {
		b = nest(b, tupleIP, func(b []byte) []byte {
			b = put(b, from, q.from.Addr().AsSlice())
			return put(b, from+1, q.to.Addr().AsSlice())
		})
		return nest(b, tupleProto, func(b []byte) []byte {
			b = put(b, protoNumber, []byte{protoTCP})
			b = put(b, protoFrom, binary.BigEndian.AppendUint16(nil, q.from.Port()))
			return put(b, protoTo, binary.BigEndian.AppendUint16(nil, q.to.Port()))
		})
	})
}

// nest appends an attribute made of those that fill appends.
func nest(b []byte, kind uint16, fill func([]byte) []byte) []byte {
	at := len(b)
	b = fill(begin(b, kind|attributeNested, 0))
	binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at))
	return b
}

// put appends an attribute, and zeros to where the next one may begin.
func put(b []byte, kind uint16, value []byte) []byte {
	b = append(begin(b, kind, len(value)), value...)
	return append(b, make([]byte, aligned(len(value))-len(value))...)
}

func begin(b []byte, kind uint16, size int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attributeHeader+size))
	return binary.NativeEndian.AppendUint16(b, kind)
}

func aligned(n int) int { return (n + 3) &^ 3 }

var errMalformed = errors.New("the answer of the connection tracking has no two tuples of TCP")

// An answer is the error number the kernel refused a question with, or the body
// of what it knows.
type answer struct {
	sequence uint32 // of the question
	errno    int32
	body     []byte
}

// decodeAnswer reads the first message of a datagram. It accepts any bytes.
func decodeAnswer(b []byte) (answer, error) {
	if len(b) < headerSize {
		return answer{}, errMalformed
	}
	size := int(binary.NativeEndian.Uint32(b))
	if size < headerSize || size > len(b) {
		return answer{}, errMalformed
	}
	a := answer{sequence: binary.NativeEndian.Uint32(b[8:]), body: b[headerSize:size]}
	switch kind := binary.NativeEndian.Uint16(b[4:]); {
	case kind == messageNew:
		return a, nil
	case kind == messageError && len(a.body) >= 4:
		a.errno = -int32(binary.NativeEndian.Uint32(a.body))
		return a, nil
	}
	return answer{}, errMalformed
}

// decode reads what the kernel knows. It accepts any bytes.
func decode(b []byte) (*entry, error) {
	if len(b) < genericSize {
		return nil, errMalformed
	}
	b = b[genericSize:]
	original, ok1 := decodeTuple(find(b, tupleOriginal))
	reply, ok2 := decodeTuple(find(b, tupleReply))
	if !ok1 || !ok2 {
		return nil, errMalformed
	}
	return &entry{original, reply}, nil
}

func decodeTuple(b []byte) (tuple, bool) {
	ip, proto := find(b, tupleIP), find(b, tupleProto)
	from, to := find(ip, ipV4From), find(ip, ipV4From+1)
	if from == nil {
		from, to = find(ip, ipV6From), find(ip, ipV6From+1)
	}
	if number := find(proto, protoNumber); len(number) != 1 || number[0] != protoTCP || len(from) != len(to) {
		return tuple{}, false
	}
	a, ok1 := endpoint(from, find(proto, protoFrom))
	z, ok2 := endpoint(to, find(proto, protoTo))
	return tuple{a, z}, ok1 && ok2
}

func endpoint(addr, port []byte) (netip.AddrPort, bool) {
	a, ok := netip.AddrFromSlice(addr)
	if !ok || len(port) != 2 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port)), true
}

// find returns the value of the first attribute of a kind, nil if there is none.
func find(b []byte, kind uint16) []byte {
	for len(b) >= attributeHeader {
		size := int(binary.NativeEndian.Uint16(b))
		if size < attributeHeader || size > len(b) {
			return nil
		}
		if binary.NativeEndian.Uint16(b[2:])&attributeType == kind {
			return b[attributeHeader:size]
		}
		b = b[min(aligned(size), len(b)):]
	}
	return nil
}
