//go:build linux

package e2e

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestDNSRetry drops the first query of a name: it is a timeout that lasts until
// glibc asks again, and the second is answered.
func TestDNSRetry(t *testing.T) {
	j := newJail(t, "nameserver 127.0.0.1", "options timeout:1 attempts:2")
	o := observe(t, dnsOnly)
	_, counts := j.responder(t, "127.0.0.1:53")
	results, _ := j.look(t, apps.Script("resolve.py", "dropone.retry.test"))
	require.Empty(t, results[0].Err)
	want := counts()
	require.Equal(t, map[string]int{"dropone.retry.test A udp": 2, "dropone.retry.test AAAA udp": 2}, want)

	spans := o.await(4, asked(asking, ".retry.test"))
	require.Equal(t, want, byQuestion(spans))
	for _, s := range spans {
		require.Empty(t, s.Attrs["ebpf.capture.incomplete"], "%v", s)
		if s.Attrs["ebpf.dns.resend_count"] == int64(1) {
			require.Empty(t, s.errorType(), "%v", s)
			require.Less(t, s.End.Sub(s.Start), 500*time.Millisecond, "%v", s)
			continue
		}
		require.Equal(t, "timeout", s.errorType(), "%v", s)
		require.InDelta(t, 1, s.End.Sub(s.Start).Seconds(), 0.3, "%v", s)
	}
	require.Empty(t, o.lost(t))
	for _, s := range o.await(2, asked(serving, ".retry.test")) {
		require.Equal(t, []any{"end_unknown"}, s.Attrs["ebpf.capture.incomplete"], "which of the two was answered nobody saw: %v", s)
	}
}

// TestDNSTimeout drops every query of a name. What nobody answered ends when the
// client closes its socket; or, as a server keeps its own, when the receiver
// gives up, which the span says.
func TestDNSTimeout(t *testing.T) {
	j := newJail(t, "nameserver 127.0.0.1", "options timeout:1 attempts:1")
	o := observe(t, dnsOnly)
	_, counts := j.responder(t, "127.0.0.1:53")
	results, _ := j.look(t, apps.Script("resolve.py", "drop.exit.test"))
	require.NotEmpty(t, results[0].Err)
	spans := o.await(2, asked(asking, "drop.exit.test"))
	require.Len(t, spans, 2)
	for _, s := range spans {
		require.Equal(t, "timeout", s.errorType())
		require.Empty(t, s.Attrs["ebpf.capture.incomplete"])
		require.InDelta(t, results[0].Took.Seconds(), s.End.Sub(s.Start).Seconds(), 0.1)
	}

	begin := time.Now()
	server := func() []*Span { return o.seen(asked(serving, "drop.exit.test")) }
	require.Eventually(t, func() bool { return len(server()) == 2 }, 15*time.Second, 50*time.Millisecond, "the responder's")
	require.Equal(t, []any{"end_unknown"}, server()[0].Attrs["ebpf.capture.incomplete"])
	require.InDelta(t, 10, server()[0].End.Sub(server()[0].Start).Seconds(), 0.001)
	t.Logf("given up after %v", time.Since(begin))
	require.Len(t, counts(), 2)
}

// TestDNSCodes asks for names that are refused.
func TestDNSCodes(t *testing.T) {
	j := newJail(t, "nameserver 127.0.0.1", "options timeout:1 attempts:1")
	o := observe(t, dnsOnly)
	_, counts := j.responder(t, "127.0.0.1:53")
	_ = j.in(exec.Command("dig", "@127.0.0.1", "+tries=1", "refuse.codes.test", "MX")).Run()
	_ = j.in(exec.Command("dig", "@127.0.0.1", "+tcp", "alias.codes.test")).Run()
	_ = j.in(exec.Command("dig", "@127.0.0.1", "+tries=1", "+noedns", "-x", "10.1.2.3")).Run()
	want := counts()
	require.Len(t, want, 3)

	spans := o.await(3, asked(asking, ""))
	require.Equal(t, want, byQuestion(spans))
	for _, s := range spans {
		switch s.Name {
		case "DNS MX":
			require.Equal(t, "REFUSED", s.errorType())
			require.Equal(t, "refuse.codes.test", s.Attrs["dns.question.name"])
		case "DNS A":
			require.Equal(t, []any{apps.WebAddress.String()}, s.Attrs["dns.answers"])
		case "DNS PTR":
			require.Equal(t, "3.2.1.10.in-addr.arpa", s.Attrs["dns.question.name"])
		default:
			t.Errorf("%v", s)
		}
	}
}
