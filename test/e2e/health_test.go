//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// kernelSide opens the probes for what the tests of connection health observe.
func kernelSide(t testing.TB, change func(*probe.Config)) *probe.Probes {
	t.Helper()
	c := probe.Config{CaptureBytes: 64, RingBytes: 1 << 20, MaxConnections: 65536, Health: true, MaxSeries: 1000}
	change(&c)
	p, err := probe.Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	for _, s := range p.States() {
		require.NoError(t, s.Err, s.Hook)
	}
	return p
}

// ofPIDs limits the probes to processes.
func ofPIDs(pids ...int) func(*probe.Config) {
	var target probe.Target
	for _, pid := range pids {
		target.PIDs = append(target.PIDs, uint32(pid))
	}
	return func(c *probe.Config) { c.Include = []probe.Target{target} }
}

// drain keeps the ring empty, which nothing here reads.
func drain(t testing.TB, p *probe.Probes) {
	t.Helper()
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				if p.Source().Drain(func([]byte) {}) != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop) })
}

// collect returns all series of one transport and process as one, and those that match.
func collect(t testing.TB, p *probe.Probes, pid int, which ...func(health.Key) bool) (all health.Values) {
	t.Helper()
	series, err := p.Health()
	require.NoError(t, err)
next:
	for _, s := range series {
		if int(s.PID) != pid {
			continue
		}
		for _, match := range which {
			if !match(s.Key) {
				continue next
			}
		}
		all = add(all, s.Values)
	}
	return all
}

// requireNoneLost ignores what the ring lost: nothing here reads it fast.
func requireNoneLost(t testing.TB, p *probe.Probes) {
	t.Helper()
	for _, l := range p.Losses() {
		require.NotEqual(t, "health", l.Part, "%+v", l)
	}
}

func tcp(k health.Key) bool { return k.Transport == health.TCP }
func udp(k health.Key) bool { return k.Transport == health.UDP }

// add adds those fields the tests look at.
func add(a, b health.Values) health.Values {
	a.BytesSent += b.BytesSent
	a.BytesReceived += b.BytesReceived
	a.SegmentsSent += b.SegmentsSent
	a.SegmentsReceived += b.SegmentsReceived
	a.Opened += b.Opened
	a.Accepted += b.Accepted
	a.Closed += b.Closed
	a.Active += b.Active
	for i := range a.Failed {
		a.Failed[i] += b.Failed[i]
	}
	a.RTOs += b.RTOs
	a.ZeroWindows += b.ZeroWindows
	a.Retransmits += b.Retransmits
	a.ListenDrops += b.ListenDrops
	a.ListenOverflows += b.ListenOverflows
	a.ResetsSent += b.ResetsSent
	a.ResetsReceived += b.ResetsReceived
	a.DatagramsSent += b.DatagramsSent
	a.DatagramsReceived += b.DatagramsReceived
	a.Connect.Count += b.Connect.Count
	a.Duration.Count += b.Duration.Count
	a.RTT.Count += b.RTT.Count
	a.RTT.SumNanos += b.RTT.SumNanos
	return a
}

// order gives a program of test/apps/flows.go a line and returns its counts after it.
func (p *program) order(t testing.TB, line string) (f apps.Flows) {
	t.Helper()
	_, err := fmt.Fprintln(p.in, line)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(p.line(t)), &f))
	return f
}

func (p *program) pid() int { return p.cmd.Process.Pid }

// doubles starts a server and a client that count what they move.
func doubles(t testing.TB) (server, client *program, addr string) {
	t.Helper()
	server = start(t, apps.Command("doubleserver", "127.0.0.1:0"))
	addr = server.line(t)
	client = start(t, apps.Command("doubleclient", addr))
	return server, client, addr
}

// since is what was counted after before was.
func since(before, after apps.Flows) apps.Flows {
	return apps.Flows{
		Connections: after.Connections - before.Connections,
		Sent:        after.Sent - before.Sent, Received: after.Received - before.Received,
		SentPackets: after.SentPackets - before.SentPackets, ReceivedPackets: after.ReceivedPackets - before.ReceivedPackets,
	}
}

// TestHealthTotals holds what is told against what both programs counted, of
// short and long connections and one older than the probes.
func TestHealthTotals(t *testing.T) {
	server, client, _ := doubles(t)
	clientBefore := client.order(t, "open 1")
	serverBefore := server.order(t, "")
	p := kernelSide(t, ofPIDs(server.pid(), client.pid()))
	drain(t, p)

	old := collect(t, p, client.pid())
	require.Zero(t, old.BytesSent+old.BytesReceived+old.Opened, "what was before the probes: %+v", old)
	require.EqualValues(t, 1, old.Active)

	client.order(t, "open 10")
	clientNow := since(clientBefore, client.order(t, "talk"))
	serverNow := since(serverBefore, server.order(t, ""))
	for pid, want := range map[int]apps.Flows{client.pid(): clientNow, server.pid(): serverNow} {
		got := collect(t, p, pid)
		assert.EqualValues(t, want.Sent, got.BytesSent, "sent while all live")
		assert.EqualValues(t, want.Received, got.BytesReceived, "received while all live")
		assert.EqualValues(t, 11, got.Active)
		assert.Zero(t, got.Closed)
		assert.EqualValues(t, 11, got.RTT.Count, "a sample for each that moved data")
	}

	client.order(t, "short 1000")
	client.order(t, "talk")
	clientNow = since(clientBefore, client.order(t, "close"))
	require.Equal(t, 1010, clientNow.Connections)
	for who, pid := range map[string]int{"client": client.pid(), "server": server.pid()} {
		require.Eventually(t, func() bool { return collect(t, p, pid).Active == 0 }, 10*time.Second, 50*time.Millisecond, who)
	}
	serverNow = since(serverBefore, server.order(t, ""))
	check := func(want apps.Flows, got health.Values) {
		t.Helper()
		assert.EqualValues(t, want.Sent, got.BytesSent)
		assert.EqualValues(t, want.Received, got.BytesReceived)
		assert.EqualValues(t, 1010, got.Opened+got.Accepted)
		assert.EqualValues(t, 1011, got.Closed)
		assert.EqualValues(t, 1010, got.Duration.Count, "of the old one it is not known")
		assert.Zero(t, got.Failed)
	}
	got := collect(t, p, client.pid())
	check(clientNow, got)
	assert.EqualValues(t, 1010, got.Opened)
	assert.EqualValues(t, 1010, got.Connect.Count)
	got = collect(t, p, server.pid())
	check(serverNow, got)
	assert.EqualValues(t, 1010, got.Accepted)
	assert.Zero(t, got.Connect.Count)
	requireNoneLost(t, p)
}

// TestHealthLikeSS holds live connections against what ss shows of them.
func TestHealthLikeSS(t *testing.T) {
	server, client, addr := doubles(t)
	p := kernelSide(t, ofPIDs(server.pid(), client.pid()))
	drain(t, p)
	client.order(t, "open 20")
	client.order(t, "talk")
	for pid, filter := range map[int]string{client.pid(): "dst " + addr, server.pid(): "src " + addr} {
		var want moved
		var got health.Values
		require.Eventually(t, func() bool { // acknowledgements may still be on their way
			want = sockets(t, filter)
			got = collect(t, p, pid)
			return want == sockets(t, filter)
		}, 10*time.Second, 100*time.Millisecond)
		assert.EqualValues(t, 20, got.Active)
		assert.Equal(t, want, moved{got.BytesSent, got.BytesReceived, got.SegmentsSent, got.SegmentsReceived})
	}
}

// TestHealthSilent opens connections on which nobody says anything.
func TestHealthSilent(t *testing.T) {
	server, client, _ := doubles(t)
	p := kernelSide(t, ofPIDs(server.pid(), client.pid()))
	drain(t, p)
	client.order(t, "idle 3")
	require.EqualValues(t, 3, collect(t, p, client.pid()).Active, "who connected is known")
	require.Zero(t, collect(t, p, server.pid()).Active, "who will accept is not")
	client.order(t, "close")
	var v health.Values
	require.Eventually(t, func() bool {
		v = collect(t, p, server.pid())
		return v.Closed == 3
	}, 10*time.Second, 50*time.Millisecond, "at the end they are the listener's: %+v", &v)
	require.EqualValues(t, 3, v.Accepted)
	require.EqualValues(t, 3, v.Duration.Count)
}

type moved struct{ BytesSent, BytesReceived, SegmentsSent, SegmentsReceived uint64 }

var ssField = regexp.MustCompile(`\b(bytes_sent|bytes_retrans|bytes_received|segs_out|segs_in):(\d+)`)

// sockets returns the sums of what ss shows of the established connections a filter matches.
func sockets(t testing.TB, filter string) (v moved) {
	t.Helper()
	out, err := exec.Command("ss", append([]string{"-tinH", "state", "established"}, strings.Fields(filter)...)...).Output()
	require.NoError(t, err)
	for _, m := range ssField.FindAllStringSubmatch(string(out), -1) {
		n, _ := strconv.ParseUint(m[2], 10, 64)
		switch m[1] {
		case "bytes_sent":
			v.BytesSent += n
		case "bytes_retrans":
			v.BytesSent -= n
		case "bytes_received":
			v.BytesReceived += n
		case "segs_out":
			v.SegmentsSent += n
		case "segs_in":
			v.SegmentsReceived += n
		}
	}
	return v
}
