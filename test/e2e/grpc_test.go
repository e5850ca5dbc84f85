//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const many = 100 // calls at once

// rpcs lists the calls of the test: one after the other, the last ones at once.
func rpcs() (lists [][]rpc) {
	one := rpcPlan{Receive: 1, Size: 100}
	lists = append(lists, []rpc{{Method: "Connect", Kind: "unary", Send: 1, Plan: one}})
	for _, c := range []rpc{
		{Method: "Unary", Kind: "unary", Send: 1, Size: 10, Plan: one},
		{Method: "Large", Kind: "unary", Send: 1, Size: 100_000, Plan: rpcPlan{Receive: 1, Size: 100_000}},
		{Method: "Empty", Kind: "unary", Send: 1, Plan: rpcPlan{Receive: 1}},
		{Method: "NotFound", Kind: "unary", Send: 1, Plan: rpcPlan{Status: 5}},
		{Method: "Internal", Kind: "unary", Send: 1, Plan: rpcPlan{Status: 13}},
		{Method: "Slow", Kind: "unary", Send: 1, Plan: rpcPlan{Receive: 1, Sleep: 50}},
		{Method: "Metadata", Kind: "unary", Send: 1, Metadata: 9000, Plan: one},
		{Method: "ServerStream", Kind: "server", Send: 1, Plan: rpcPlan{Receive: 10, Size: 10, Sleep: 2}},
		{Method: "LargeStream", Kind: "server", Send: 1, Plan: rpcPlan{Receive: 5, Size: 50_000, Status: 5}},
		{Method: "ClientStream", Kind: "client", Send: 10, Size: 1000, Plan: one},
		{Method: "Turns", Kind: "bidi", Send: 10, Size: 20, Plan: rpcPlan{Size: 30, Turns: true}},
		{Method: "Bidi", Kind: "bidi", Send: 10, Size: 20, Plan: rpcPlan{Receive: 12, Size: 30}},
		{Method: "Deadline", Kind: "unary", Send: 1, Deadline: 60, Plan: rpcPlan{Receive: 1, Sleep: 400}},
		{Method: "Cancel", Kind: "unary", Send: 1, Cancel: 40, Plan: rpcPlan{Receive: 1, Sleep: 400}},
		{Method: "CancelStream", Kind: "server", Send: 1, Cancel: 45, Plan: rpcPlan{Receive: 100, Size: 10, Sleep: 10}},
	} {
		for i := range 3 {
			d := c
			d.Method = fmt.Sprint(c.Method, i)
			lists = append(lists, []rpc{d})
		}
	}
	var atOnce []rpc
	for i := range many {
		atOnce = append(atOnce, rpc{Method: fmt.Sprint("Many", i), Kind: "unary", Send: 1, Plan: one})
	}
	return append(lists, atOnce)
}

// TestGRPC holds the spans of both sides against what the programs wrote down,
// for every pair of them.
func TestGRPC(t *testing.T) { eachPair(t, grpcPair) }

// TestGRPCTLS is TestGRPC over TLS.
func TestGRPCTLS(t *testing.T) {
	speakTLS(t, "1.3")
	h2cServer(t, freePort(t)) // a process of the Go program's file: its first calls come before a file is probed that is new
	eachPair(t, grpcPair)
}

func eachPair(t *testing.T, f func(t *testing.T, client, server string)) {
	for _, client := range slices.Sorted(maps.Keys(grpcSpeakers)) {
		for _, server := range slices.Sorted(maps.Keys(grpcSpeakers)) {
			t.Run(client+" to "+server, func(t *testing.T) { f(t, client, server) })
		}
	}
}

func grpcPair(t *testing.T, client, server string) {
	port := freePort(t)
	o := observe(t, onPort(port))
	lists := rpcs()
	sent, served := playRPC(t, client, server, lists, port)
	calls := len(lists) - 1 + many
	require.Len(t, sent, calls)
	spans := o.settle(2 * calls)
	requireCalls(t, ptrace.SpanKindClient, spans, sent, served)
	requireCalls(t, ptrace.SpanKindServer, spans, served, sent)
	requireDurations(t, slices.Concat(lists...), spans, sent)
	require.Len(t, spans, 2*calls)
	lost := o.lost(t)
	delete(lost, "pipeline response_unpaired http2") // servers go on with a call until they hear that it was reset
	require.Empty(t, lost)
}

// abandoned reports whether the client does not wait for the end of a call.
func abandoned(method string) bool {
	return strings.HasPrefix(method, "Cancel") || strings.HasPrefix(method, "Deadline")
}

// requireCalls holds the spans of one side against its own records. A call the
// client abandons may have ended with another status at the other side, and what
// crosses the network is often no status but a reset with CANCEL.
func requireCalls(t *testing.T, kind ptrace.SpanKind, spans []*Span, mine, theirs map[string]rpcRecord) {
	t.Helper()
	byMethod := make(map[string]*Span)
	for _, s := range spans {
		method, _ := s.Attrs["rpc.method"].(string)
		if s.Kind != kind {
			continue
		}
		require.True(t, strings.HasPrefix(method, "test.Echo/"), "%v", s)
		require.NotContains(t, byMethod, method)
		byMethod[strings.TrimPrefix(method, "test.Echo/")] = s
	}
	var off []time.Duration
	for method, r := range mine {
		s := byMethod[method]
		require.NotNil(t, s, "%v span of %s", kind, method)
		status, _ := s.Attrs["rpc.response.status_code"].(string)
		if abandoned(method) {
			require.Contains(t, []string{r.Status, theirs[method].Status, "CANCELLED"}, status, "%v %s: %v", kind, method, s)
		} else {
			require.Equal(t, r.Status, status, "%v %s: %v", kind, method, s)
			r.requireMessages(t, s)
		}
		if !strings.HasPrefix(method, "Many") && method != "Connect" {
			off = append(off, (s.End.Sub(s.Start) - time.Duration(r.Duration)).Abs())
		}
	}
	slices.Sort(off)
	t.Logf("%v: durations differ from the program's by %v in the median, %v in 95 %% of %d, %v at most",
		kind, off[len(off)/2], off[len(off)*95/100], len(off), off[len(off)-1])
}

// requireDurations holds durations against what must be: the time the server was
// told to wait, and the client's own record of the call, both spans lie within.
func requireDurations(t *testing.T, calls []rpc, spans []*Span, sent map[string]rpcRecord) {
	t.Helper()
	const exact = 50 * time.Millisecond // of the programs' clocks and timers, on a busy machine; the log says how much it is
	least := make(map[string]time.Duration)
	for _, c := range calls {
		waits := max(c.Plan.Receive, 1)
		if c.Plan.Turns {
			waits = c.Send
		}
		least[c.Method] = time.Duration(waits*c.Plan.Sleep) * time.Millisecond
		if abandoned(c.Method) {
			least[c.Method] = time.Duration(c.Cancel+c.Deadline) * time.Millisecond
		}
	}
	for _, s := range spans {
		method := strings.TrimPrefix(s.Attrs["rpc.method"].(string), "test.Echo/")
		took := s.End.Sub(s.Start)
		switch {
		case !abandoned(method):
			require.Less(t, took, time.Duration(sent[method].Duration)+exact, "%v", s)
			require.Greater(t, took, least[method]-exact, "%v", s)
		case s.Kind == ptrace.SpanKindClient: // its timer runs before the first byte leaves
			require.Greater(t, took, least[method]/2, "%v", s)
		}
	}
}

// requireMessages compares how many messages there were each way.
func (r rpcRecord) requireMessages(t *testing.T, s *Span) {
	t.Helper()
	requests, responses := r.Sent, r.Received
	if s.Kind == ptrace.SpanKindServer {
		requests, responses = responses, requests
	}
	require.EqualValues(t, requests, s.Attrs["ebpf.grpc.request.messages"], "%v", s)
	require.EqualValues(t, responses, s.Attrs["ebpf.grpc.response.messages"], "%v", s)
}
