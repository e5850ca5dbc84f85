package http1

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
	"github.com/edf076de/ebpfreceiver/internal/proto/prototest"
)

const conversations = "testdata/*.txtar"

func TestProtocol(t *testing.T) {
	prototest.Run(t, protocol, conversations, "url.path", "http.response.status_code",
		"http.request.body.size", "http.response.body.size")
}

func TestLoss(t *testing.T) {
	prototest.Lose(t, protocol, conversations, "url.path", "url.full", "http.response.status_code")
}

func FuzzProtocol(f *testing.F) { prototest.Fuzz(f, protocol, conversations, seenStatus) }

// protocol reads the configuration of a conversation as JSON.
func protocol(t testing.TB, config string) *proto.Protocol {
	t.Helper()
	var c http.Config
	if config != "" {
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
	}
	return New(c, nil, nil)
}

// seenStatus wants every status to have been sent by the server.
func seenStatus(x *proto.Exchange, sent *[2][]byte) string {
	for _, a := range x.Attrs {
		if a.Key == "http.response.status_code" &&
			!strings.Contains(string(sent[proto.Server]), fmt.Sprintf(" %d", a.Int)) {
			return fmt.Sprintf("status %d was invented", a.Int)
		}
	}
	return ""
}
