package tls

import (
	"strings"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

func TestDetect(t *testing.T) {
	const hello, data = "\x16\x03\x01\x02\x00\x01", "\x17\x03\x03\x00\x02xx"
	long := "\x17\x03\x03\x40\x00" + strings.Repeat("x", 4000)
	for _, c := range []struct {
		client, server string
		want           proto.Verdict
	}{
		{"", "", proto.Maybe},
		{hello[:1], "", proto.Maybe},
		{hello[:5], "", proto.Maybe},
		{hello, "", proto.Yes},
		{"\x16\x03\x03\x02\x00\x01", "", proto.Yes},
		{"\x16\x03\x00\x02\x00\x01", "HTTP/1.1 400 Bad Request\r\n", proto.Yes},
		{"\x16\x03\x01\x02\x00\x02", "", proto.No},     // a ServerHello
		{"\x16\x03\x01\xff\x00\x01", "", proto.No},     // too long
		{"\x16\x03\x01\x00\x00\x01", "", proto.No},     // nothing in it
		{"\x16\x02\x01\x02\x00\x01", "", proto.No},     // no such version
		{"\x80\x2e\x01\x03\x01\x00\x15", "", proto.No}, // the hello of SSL 2
		{"\x00\x1d\x12\x34\x01\x00\x00", "", proto.No}, // DNS
		{"\x16\xfe\xfd\x00\x00\x00\x00", "", proto.No}, // DTLS
		{"GET / HTTP/1.1\r\n", "", proto.No},
		{"", "SSH-2.0-OpenSSH_9.2", proto.No},
		{"", hello, proto.No},                      // the wrong way round
		{"", "\x16\x03\x03\x00\x7a\x02", proto.No}, // joined in the handshake: wait for data
		{data, "", proto.Yes},                      // joined behind the handshake
		{"", data, proto.Yes},
		{data[:4], "", proto.Maybe},
		{data[:6], "", proto.Maybe},
		{data + data, "", proto.Yes},
		{data + "\x15\x03", "", proto.Yes},
		{data + "G", "", proto.No}, // another protocol that happens to begin like it
		{long, "", proto.Maybe},    // longer than what is looked at
		{long, data, proto.Yes},
		{"\x17\x03\x03\x50\x00x", "", proto.No}, // too long for a record
		{"\x17\x03\x04\x00\x10x", "", proto.No}, // every version writes that of TLS 1.2 at most
		{data, "+OK ready", proto.No},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", proto.No},
	} {
		if got := detect([]byte(c.client), []byte(c.server)); got != c.want {
			t.Errorf("detect(%.20q, %.20q) = %d, want %d", c.client, c.server, got, c.want)
		}
	}
}

// FuzzDetect checks that what a hello is does not change when more bytes come.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("\x16\x03\x01\x02\x00\x01"), []byte("\x17\x03\x03\x00\x02xx"))
	f.Fuzz(func(t *testing.T, client, server []byte) {
		for i := range client {
			if v, more := hello(client[:i]), hello(client[:i+1]); v != proto.Maybe && v != more {
				t.Errorf("%q: %d, then %d", client[:i+1], v, more)
			}
		}
		detect(client, server)
	})
}
