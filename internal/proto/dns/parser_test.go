package dns

import (
	"encoding/binary"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/prototest"
)

func maker(testing.TB, string) *proto.Protocol { return New() }

const conversations = "testdata/tcp/*.txtar"

func TestConversations(t *testing.T) { prototest.Run(t, maker, conversations) }

func TestLosses(t *testing.T) {
	prototest.Lose(t, maker, conversations, "dns.question.name", "ebpf.dns.question.type", "ebpf.dns.response_code")
}

func FuzzConversations(f *testing.F) { prototest.Fuzz(f, maker, conversations) }

// query is a question as it goes over TCP.
func query(name string, kind byte) []byte {
	b := []byte{0, 0, 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	b = append(append(append(b, byte(len(name))), name...), 0, 0, kind, 0, 1)
	binary.BigEndian.PutUint16(b, uint16(len(b)-lengthSize))
	return b
}

func TestDetect(t *testing.T) {
	whole := query("example", 1)
	for n := range whole {
		if v := detect(whole[:n], nil); v != proto.Maybe {
			t.Errorf("%d bytes: %d", n, v)
		}
	}
	change := func(i int, c byte) []byte { b := append([]byte(nil), whole...); b[i] = c; return b }
	answer := change(4, 0x81)
	for _, c := range []struct {
		what           string
		client, server []byte
		want           proto.Verdict
	}{
		{"a question", whole, nil, proto.Yes},
		{"two of them", append(append([]byte(nil), whole...), whole...), nil, proto.Yes},
		{"an answer", nil, answer, proto.Yes},
		{"an answer of a client", answer, nil, proto.No},
		{"a question of a server", nil, whole, proto.No},
		{"an update", change(4, 0x28), nil, proto.No},
		{"two questions", change(7, 2), nil, proto.No},
		{"answers in a question", change(9, 1), nil, proto.No},
		{"a failure in a question", change(5, 3), nil, proto.No},
		{"a label that is too long", change(14, 64), nil, proto.No},
		{"no such class", change(len(whole)-1, 9), nil, proto.No},
		{"a message of nothing", []byte{0, 0, 1}, nil, proto.No},
		{"HTTP", []byte("GET / HTTP/1.1\r\n"), nil, proto.No},
		{"TLS", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), nil, proto.No},
		{"zeros", make([]byte, 100), nil, proto.No},
	} {
		if got := detect(c.client, c.server); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}

// FuzzDetect checks that a verdict never changes its mind when more bytes come.
func FuzzDetect(f *testing.F) {
	f.Add(query("example", 1), false)
	f.Fuzz(func(t *testing.T, b []byte, response bool) {
		for i := range b {
			v, more := judge(b[:i], response), judge(b[:i+1], response)
			if v != proto.Maybe && v != more {
				t.Errorf("%q: %d, then %d", b[:i+1], v, more)
			}
		}
	})
}
