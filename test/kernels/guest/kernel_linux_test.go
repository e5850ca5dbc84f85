// Package guest holds the receiver against programs that count what they do, on
// one kernel, in every form of the hooks the kernel has. Its test runs as root:
// in a guest of test/kernels/matrix, or natively with the forms taken by default.
package guest

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

var (
	forms     = flag.String("forms", "any", "kinds of programs the hooks are limited to: any, or kinds such as tp+kprobe; a list tries one after the other")
	tolerance = flag.Duration("tolerance", 5*time.Millisecond, "of a measured duration")
	refused   = flag.String("refused", "", "what the receiver says on this kernel, where it cannot work")
	late      = flag.Duration("late", 0, "how much later than the client span a server span may end: without a hook for every chunk a call that had to wait ends with its return")
	requests  = flag.Int("requests", 500, "of each client")
)

func TestMain(m *testing.M) {
	apps.Main()
	os.Exit(m.Run())
}

// TestRefused holds the receiver to one clear sentence where it cannot work.
func TestRefused(t *testing.T) {
	if *refused == "" {
		return // it works here, as TestForms shows
	}
	traces, _, _ := create(t, 80, consumertest.NewNop())
	err := traces.Start(context.Background(), componenttest.NewNopHost())
	require.ErrorContains(t, err, *refused)
	require.NotContains(t, err.Error(), "\n")
	t.Log(err)
}

func TestForms(t *testing.T) {
	if *refused != "" {
		return // it cannot work here, as TestRefused shows
	}
	eachForm(t, testForm)
}

func eachForm(t *testing.T, test func(*testing.T)) {
	for _, form := range strings.Split(*forms, ",") {
		t.Run(form, func(t *testing.T) {
			probe.Kinds = nil
			if form != "any" {
				probe.Kinds = strings.Split(form, "+")
			}
			t.Cleanup(func() { probe.Kinds = nil })
			test(t)
		})
	}
}

// TestPrivileges runs a part of it all with no more than the two capabilities
// that the receiver asks for.
func TestPrivileges(t *testing.T) {
	if *refused != "" {
		return // as above
	}
	var without []string // kprobes need more where perf is restricted, as on Debian
	for form := range strings.SplitSeq(*forms, ",") {
		if !strings.Contains(form, "kprobe") {
			without = append(without, form)
		}
	}
	cmd, remove, err := apps.Nobody(unix.CAP_BPF, unix.CAP_PERFMON)
	require.NoError(t, err)
	t.Cleanup(remove)
	cmd.Args = append(cmd.Args, "-test.v", "-test.run=TestForms/.*/processes", "-forms="+strings.Join(without, ","))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// testForm observes one server, and clients one after the other.
func testForm(t *testing.T) {
	server, port := startServer(t)
	old := start(t, "oldconns", fmt.Sprintf("127.0.0.1:%d", port))
	require.Equal(t, "round 0", old.line(t))

	begin := time.Now()
	o := observe(t, port)
	t.Logf("started in %v", time.Since(begin).Round(time.Millisecond))
	for _, state := range o.forms(t) {
		t.Logf("form: %s", state)
	}

	served := make(map[string]int)
	run := func(name string, test func(k *check, t *testing.T)) {
		t.Run(name, func(t *testing.T) { test(&check{observer: o, server: server, port: port, served: served}, t) })
	}
	run("connections older than the probes", func(k *check, t *testing.T) { k.old(t, old) })
	run("keep-alive", func(k *check, t *testing.T) { k.every(t, "-c", "1") })
	run("keep-alive concurrent", func(k *check, t *testing.T) { k.every(t, "-c", "8") })
	run("fresh connections", func(k *check, t *testing.T) { k.every(t, "-c", "8", "-fresh") })
	run("sleep", (*check).sleep)
	run("bodies", (*check).bodies)
	run("processes", (*check).processes)
	run("dns", (*check).dns)

	lost := o.points(t, "otelcol_ebpf_lost", "stage", "reason", "part")
	delete(lost, "kernel unreadable body") // sendfile's
	assert.Empty(t, lost, "losses")
	counts := server.counts(t)
	for i := range 5 {
		delete(counts, fmt.Sprintf("GET /s/200/old-0-%d 200", i)) // before the probes
	}
	for key, n := range counts {
		if served[key] == n {
			delete(counts, key)
			delete(served, key)
		}
	}
	require.Empty(t, counts, "what the server counted and its spans do not show")
	require.Empty(t, served, "what only spans show")
}

// A check is one test with what it shares with the others of a form.
type check struct {
	*observer
	server *program
	port   int
	served map[string]int // server spans so far, as the server counts requests
}

// spans returns n spans, one per request on each side, by what they say.
func (k *check) spans(t *testing.T, n int) (server, client map[string]span) {
	server, client = make(map[string]span), make(map[string]span)
	spans := k.settle(n)
	for _, s := range spans {
		side := client
		if s.server {
			side = server
			k.served[s.String()]++
		}
		require.NotContains(t, side, s.String(), "spans of one request")
		if !strings.HasPrefix(s.path, "/file") { // nobody reads what sendfile sends
			require.NotContains(t, s.attrs.AsRaw(), "ebpf.capture.incomplete", "%v", s)
		}
		side[s.String()] = s
	}
	require.Len(t, spans, n)
	for key, outer := range client {
		inner, ok := server[key]
		require.True(t, ok, "server span of %s", key)
		require.False(t, inner.start.Before(outer.start) || inner.end.After(outer.end.Add(*late)),
			"the client span [%v %v] encloses the server span [%v %v]", outer.start, outer.end, inner.start, inner.end)
	}
	return server, client
}

// old uses connections that were opened, and used, before the probes.
func (k *check) old(t *testing.T, client *program) {
	for round := 1; round <= 2; round++ {
		fmt.Fprintln(client.in)
		require.Equal(t, fmt.Sprintf("round %d", round), client.line(t))
	}
	server, _ := k.spans(t, 20)
	require.Contains(t, server, "GET /s/200/old-1-0 200")
}

// every sends requests with mixed statuses.
func (k *check) every(t *testing.T, args ...string) {
	args = append(args, "-n", fmt.Sprint(*requests), "-prefix", strings.Join(args, ""))
	results, _ := request(t, k.port, args...)
	_, client := k.spans(t, 2*len(results))
	for _, r := range results {
		require.NotZero(t, r.Status, r.Path)
		require.Contains(t, client, fmt.Sprintf("GET %s %d", r.Path, r.Status))
	}
}

// sleep measures a slow request.
func (k *check) sleep(t *testing.T) {
	request(t, k.port, "-path", "/sleep/150")
	server, client := k.spans(t, 2)
	for _, s := range []span{server["GET /sleep/150 200"], client["GET /sleep/150 200"]} {
		require.InDelta(t, 150, float64(s.end.Sub(s.start))/1e6, float64(*tolerance)/1e6)
		k.requireParts(t, s)
	}
}

// forms are the attached hooks with the form each took.
func (o *observer) forms(t *testing.T) []string {
	return slices.Sorted(maps.Keys(o.points(t, "otelcol_ebpf_probe_attached", "hook", "form")))
}

// requireParts holds what a span says of where its time went.
func (k *check) requireParts(t *testing.T, s span) {
	verdict, most := "peer", "ebpf.latency.remote"
	if s.server {
		verdict, most = "application", "ebpf.latency.application"
		_, told := s.attrs.Get("ebpf.latency.accept_queue") // the connection is fresh
		seen := slices.ContainsFunc(k.forms(t), func(s string) bool { return strings.HasPrefix(s, "accept ") })
		require.Equal(t, seen, told, "%v", s.attrs.AsRaw())
	}
	sum := 0.0
	for key, v := range s.attrs.All() {
		switch key {
		case "ebpf.latency.dns", "ebpf.latency.connect", "ebpf.latency.delivery": // before and after
		default:
			if strings.HasPrefix(key, "ebpf.latency.") {
				sum += v.Double()
			}
		}
	}
	took := s.end.Sub(s.start).Seconds()
	if _, ok := s.attrs.Get("ebpf.verdict"); !ok { // times of sent bytes are too rough
		require.NotContains(t, k.forms(t), "segment tp_btf/tcp_probe+tp_btf/tcp_retransmit_skb")
		return
	}
	require.InDelta(t, took, sum, took/100, "%v", s.attrs.AsRaw())
	v, _ := s.attrs.Get(most)
	require.Greater(t, v.Double(), 0.1, "%v", s.attrs.AsRaw())
	v, _ = s.attrs.Get("ebpf.verdict")
	require.Equal(t, verdict, v.Str(), "%v", s.attrs.AsRaw())
}

// bodies receives all kinds of bodies: their ends are found, their sizes counted.
func (k *check) bodies(t *testing.T) {
	exe, err := os.Stat("/proc/self/exe")
	require.NoError(t, err)
	for _, b := range []struct {
		path string
		size int64 // 0: no header tells it, so no span does
	}{
		{"/bytes/300000", 300000},
		{"/chunked/20", 0},
		{"/slowchunks/3", 0},
		{"/eof/50000", 50000},
		{"/file", exe.Size()}, // by sendfile
		{"/file/again", exe.Size()},
	} {
		request(t, k.port, "-path", b.path)
		server, client := k.spans(t, 2)
		for _, side := range []map[string]span{server, client} {
			s := side[fmt.Sprintf("GET %s 200", b.path)]
			size, _ := s.attrs.Get("http.response.body.size")
			require.Equal(t, b.size, size.Int(), "%s server=%v", b.path, s.server)
		}
	}
}

// processes holds the descriptions of both processes against what they are.
func (k *check) processes(t *testing.T) {
	_, pid := request(t, k.port, "-path", "/s/200/processes")
	server, client := k.spans(t, 2)
	exe, err := os.Readlink("/proc/self/exe")
	require.NoError(t, err)
	for want, s := range map[int]span{
		pid:                      client["GET /s/200/processes 200"],
		k.server.cmd.Process.Pid: server["GET /s/200/processes 200"],
	} {
		r := s.resource.AsRaw()
		require.EqualValues(t, want, r["process.pid"])
		require.Equal(t, exe, r["process.executable.path"])
		require.Equal(t, filepath.Base(exe), r["process.executable.name"])
		require.Equal(t, "/proc/self/exe", r["process.command"])
	}
}

// TestKernel says what runs here.
func TestKernel(t *testing.T) {
	var u unix.Utsname
	require.NoError(t, unix.Uname(&u))
	t.Logf("Linux %s %s", unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:]))
}
