package guest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// dns looks names up over UDP and TCP, IPv4 and IPv6, and holds the spans of
// both sides against what the responder counted and the client got.
func (k *check) dns(t *testing.T) {
	for _, addr := range []string{"127.0.0.77:53", "[::1]:53"} {
		responder := start(t, "dns", addr)
		require.Equal(t, addr, responder.line(t))
		cmd := apps.Command("resolve", "-server", addr, "a.test.", "alias.test.", "nx.test.", "slow.test.", "big.test.")
		var out bytes.Buffer
		cmd.Stdout = &out
		require.NoError(t, cmd.Run())
		var results []apps.LookupResult
		require.NoError(t, json.Unmarshal(out.Bytes(), &results))
		counts := responder.counts(t)

		want := make(map[string]int) // by pid and question
		for question, n := range counts {
			want[fmt.Sprintf("%d %s", cmd.Process.Pid, question)] = n
			want[fmt.Sprintf("%d %s", responder.cmd.Process.Pid, question)] = n
		}
		got := make(map[string]int)
		for _, s := range k.looked(len(want)) {
			a, r := s.attrs.AsRaw(), s.resource.AsRaw()
			got[fmt.Sprintf("%v %v %v %v", r["process.pid"], a["dns.question.name"], a["ebpf.dns.question.type"], a["network.transport"])]++
			checkLookup(t, s, a)
		}
		require.Equal(t, want, got)
		require.NotEmpty(t, results[0].Addresses)
		require.NotEmpty(t, results[2].Err)
	}
}

func checkLookup(t *testing.T, s span, a map[string]any) {
	require.NotContains(t, a, "ebpf.capture.incomplete", "%v", a)
	require.Contains(t, []any{"127.0.0.77", "127.0.0.1", "::1"}, a["network.peer.address"], "%v", a)
	switch {
	case a["dns.question.name"] == "nx.test" && !s.server:
		require.Equal(t, "NXDOMAIN", a["error.type"])
	case a["dns.question.name"] == "slow.test":
		require.InDelta(t, apps.SlowAnswer.Seconds(), s.end.Sub(s.start).Seconds(), 0.1)
	case a["dns.question.name"] == "alias.test" && a["ebpf.dns.question.type"] == "A":
		require.Equal(t, []any{apps.WebAddress.String()}, a["dns.answers"])
	}
}

// looked returns the spans of DNS since it was last called, when there are n and
// a moment has passed, or when no more come.
func (o *observer) looked(n int) []span {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		o.mu.Lock()
		have := len(o.lookups)
		o.mu.Unlock()
		if have >= n {
			time.Sleep(time.Second)
			break
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	spans := o.lookups
	o.lookups = nil
	return spans
}
