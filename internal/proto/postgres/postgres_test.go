package postgres

import (
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/prototest"
)

const conversations = "testdata/*.txtar"

// A rest takes whatever follows.
type rest struct{}

func (rest) Parse(d *proto.Data) (uint64, error) { return d.Len(), nil }
func (rest) EOF(proto.Side, time.Duration)       {}
func (rest) Close(time.Duration, string)         {}

func maker(testing.TB, string) *proto.Protocol {
	return New(func(proto.Conn, func(*proto.Exchange)) *proto.Become {
		return &proto.Become{Protocol: &proto.Protocol{Name: "tls"}, Next: rest{}}
	})
}

func TestConversations(t *testing.T) { prototest.Run(t, maker, conversations) }

func FuzzParser(f *testing.F) { prototest.Fuzz(f, maker, conversations) }

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		client, server string
		want           proto.Verdict
	}{
		{"", "", proto.Maybe},
		{"\x00\x00\x00\x08\x04", "", proto.Maybe},
		{"\x00\x00\x00\x08\x04\xd2\x16\x2f", "", proto.Yes},
		{"\x00\x00\x00\x08\x04\xd2\x16\x30", "S", proto.Yes},
		{"\x00\x00\x00\x08\x04\xd2\x16\x2e", "", proto.No}, // CancelRequest is longer
		{"\x00\x00\x00\x29\x00\x03\x00\x00user", "", proto.No},
		{"", "SSH-2.0", proto.No},
		{"GET / HT", "", proto.No},
	} {
		if got := detect([]byte(c.client), []byte(c.server)); got != c.want {
			t.Errorf("%q %q: %v, want %v", c.client, c.server, got, c.want)
		}
	}
}
