package dns

import "strconv"

// Source: https://www.iana.org/assignments/dns-parameters/

var types = map[uint16]string{
	1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 29: "LOC", 33: "SRV",
	35: "NAPTR", 39: "DNAME", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 52: "TLSA",
	64: "SVCB", 65: "HTTPS", 99: "SPF", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
}

// typeName is a type as RFC 3597 writes those it does not know.
func typeName(t uint16) string {
	if s, ok := types[t]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

var opcodes = [...]string{0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"}

var rcodes = [...]string{
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
	"NOTZONE", "DSOTYPENI", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME", 19: "BADMODE", 20: "BADNAME", 21: "BADALG",
	22: "BADTRUNC", 23: "BADCOOKIE",
}

const (
	noError  = 0
	servFail = 2
	notImp   = 4
)

func rcodeName(c uint16) string {
	if int(c) < len(rcodes) && rcodes[c] != "" {
		return rcodes[c]
	}
	return "RCODE" + strconv.Itoa(int(c))
}

// spanName is "DNS A": the conventions have no name for spans of DNS, and this
// is how they name others, by the protocol's own word for what is done. The name
// asked for would have no bound, and neither have the types nobody knows.
func spanName(opcode uint8, kind uint16) string {
	if opcode != 0 {
		if int(opcode) < len(opcodes) && opcodes[opcode] != "" {
			return "DNS " + opcodes[opcode]
		}
		return "DNS"
	}
	if s, ok := types[kind]; ok {
		return "DNS " + s
	}
	return "DNS"
}
