package tls

import (
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/prototest"
)

const conversations = "testdata/*.txtar"

func maker(testing.TB, string) *proto.Protocol {
	protocol, _ := New()
	return protocol
}

func TestConversations(t *testing.T) { prototest.Run(t, maker, conversations) }

// TestLosses loses bytes anywhere: less may be said, and nothing else.
func TestLosses(t *testing.T) {
	prototest.Lose(t, maker, conversations, "error.type", "end", "tls.protocol.version", "tls.cipher", "tls.curve",
		"tls.resumed", "tls.next_protocol", "ebpf.tls.client_certificate_requested", "server.port")
}

func FuzzParser(f *testing.F) { prototest.Fuzz(f, maker, conversations) }
