//go:build linux

package e2e

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

const (
	asking  = ptrace.SpanKindClient
	serving = ptrace.SpanKindServer
)

const dnsOnly = "{collection_interval: 1s, targets: {include: [{ports: [53]}]}}"

// dnsClients are programs that look names up, each in its own way, and the
// questions they must have sent for a name.
var dnsClients = map[string]func(names ...string) *exec.Cmd{
	"go":     func(names ...string) *exec.Cmd { return apps.Command("resolve", names...) },
	"python": func(names ...string) *exec.Cmd { return apps.Script("resolve.py", names...) },
	"node-lookup": func(names ...string) *exec.Cmd {
		return apps.Script("resolve.js", append([]string{"lookup"}, names...)...)
	},
	"node-cares": func(names ...string) *exec.Cmd {
		return apps.Script("resolve.js", append([]string{"resolve"}, names...)...)
	},
}

// TestDNSClients asks every client for names of every sort, and holds the spans
// of both sides against what the responder counted and the client got.
func TestDNSClients(t *testing.T) {
	for name, command := range dnsClients {
		t.Run(name, func(t *testing.T) {
			suffix := "." + name + ".test"
			j := newJail(t, "nameserver 127.0.0.1", "options timeout:1 attempts:2")
			o := observe(t, dnsOnly)
			responder, counts := j.responder(t, "127.0.0.1:53")
			results, pid := j.look(t, command("a"+suffix, "alias"+suffix, "nx"+suffix, "fail"+suffix, "slow"+suffix, "big"+suffix))
			want := counts()
			t.Log(want, results)

			total := 0
			for _, n := range want {
				total += n
			}
			clients := o.await(total, asked(asking, suffix))
			servers := o.await(total, asked(serving, suffix))
			require.Equal(t, want, byQuestion(clients), "client spans")
			require.Equal(t, want, byQuestion(servers), "server spans")
			for _, s := range clients {
				require.Equal(t, pid, s.Resource["process.pid"], "%v", s)
				require.Equal(t, "127.0.0.1", s.Attrs["network.peer.address"], "%v", s)
				require.Equal(t, int64(53), s.Attrs["network.peer.port"], "%v", s)
			}
			for _, s := range servers {
				require.Equal(t, int64(responder.cmd.Process.Pid), s.Resource["process.pid"], "%v", s)
				require.Equal(t, "127.0.0.1", s.Attrs["network.peer.address"], "%v", s)
			}
			for _, r := range results {
				checkLookup(t, r, o.seen(asked(asking, r.Name)), o.seen(asked(serving, r.Name)))
			}
			lost := o.lost(t)
			delete(lost, "pipeline duration_unknown metrics") // of what glibc asked by UDP when it went on over TCP
			require.Empty(t, lost)
		})
	}
}

// checkLookup holds the spans of one name against what the client got.
func checkLookup(t *testing.T, r apps.LookupResult, clients, servers []*Span) {
	t.Helper()
	require.NotEmpty(t, clients, "%s", r.Name)
	wantError := map[string]string{"n": "NXDOMAIN", "f": "SERVFAIL"}[r.Name[:1]]
	require.Equal(t, wantError != "", r.Err != "", "%+v", r)
	begin, end := clients[0].Start, clients[0].End
	var answers []any
	for _, s := range clients {
		require.Equal(t, wantError, s.errorType(), "%v", s)
		require.Equal(t, "DNS "+s.Attrs["ebpf.dns.question.type"].(string), s.Name)
		if a, ok := s.Attrs["dns.answers"].([]any); ok {
			answers = a
		}
		if s.Start.Before(begin) {
			begin = s.Start
		}
		if s.End.After(end) {
			end = s.End
		}
		if r.Name[:1] == "s" {
			require.InDelta(t, apps.SlowAnswer.Seconds(), s.End.Sub(s.Start).Seconds(), 0.05, "%v", s)
		}
	}
	require.Len(t, answers, len(r.Addresses), "%s", r.Name)
	require.LessOrEqual(t, end.Sub(begin), r.Took, "%s took the client less than its spans", r.Name)
	for _, s := range servers {
		if wantError == "NXDOMAIN" {
			wantError = "" // the server did what it should
		}
		require.Equal(t, wantError, s.errorType(), "%v", s)
		require.Contains(t, []any{"NOERROR", "NXDOMAIN", "SERVFAIL"}, s.Attrs["ebpf.dns.response_code"])
	}
	if r.Name[:1] == "s" {
		require.Less(t, (r.Took - end.Sub(begin)).Abs(), 100*time.Millisecond)
	}
}
