package http2

import (
	"encoding/json"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
	"github.com/edf076de/ebpfreceiver/internal/proto/prototest"
)

const conversations = "testdata/*.txtar"

var shownKeys = []string{
	"http.request.method", "url.path", "http.response.status_code", "http.request.body.size", "http.response.body.size",
	"rpc.method", "rpc.response.status_code", "ebpf.grpc.request.messages", "ebpf.grpc.response.messages",
}

func TestProtocol(t *testing.T) { prototest.Run(t, protocol, conversations, shownKeys...) }

// TestStatus has calls whose method depends on their status, which may be lost.
func TestStatus(t *testing.T) {
	prototest.Run(t, protocol, "testdata/status/*.txtar", "rpc.method", "rpc.response.status_code")
}

func TestLoss(t *testing.T) {
	prototest.Lose(t, protocol, conversations, append(shownKeys, "url.full")...)
}

func FuzzProtocol(f *testing.F) { prototest.Fuzz(f, protocol, conversations) }

// protocol reads the configuration of a conversation as JSON.
func protocol(t testing.TB, config string) *proto.Protocol {
	t.Helper()
	var c http.Config
	if config != "" {
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := New(c)
	return p
}
