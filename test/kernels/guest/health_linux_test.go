package guest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestHealth holds connection health against what programs counted, whatever
// form the hooks of the data take.
func TestHealth(t *testing.T) {
	if *refused != "" {
		return // as above
	}
	for _, form := range strings.Split(*forms, ",") {
		t.Run(form, func(t *testing.T) {
			probe.Kinds = nil
			if form != "any" {
				probe.Kinds = strings.Split(form, "+")
			}
			t.Cleanup(func() { probe.Kinds = nil })
			testHealth(t)
		})
	}
}

func testHealth(t *testing.T) {
	server := start(t, "doubleserver", "127.0.0.1:0")
	addr := server.line(t)
	client := start(t, "doubleclient", addr)
	old := flows(t, client, "open 1")
	sockets := start(t, "sockets")
	pids := []uint32{uint32(server.cmd.Process.Pid), uint32(client.cmd.Process.Pid), uint32(sockets.cmd.Process.Pid)}
	p, err := probe.Open(probe.Config{
		Include:      []probe.Target{{PIDs: pids}},
		CaptureBytes: 64, RingBytes: 1 << 20, MaxConnections: 65536,
		Health: true, MaxSeries: 1000,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	datagrams := false
	for _, s := range p.States() {
		t.Logf("form: %s %s", s.Hook, s.Form)
		if s.Hook == "udp_send" {
			datagrams = s.Err == nil
			continue
		}
		if s.Hook != "udp_recv" && s.Hook != "sendpage" && s.Hook != "dns_close" { // some have no form of a forced kind
			assert.NoError(t, s.Err, s.Hook)
		}
	}

	flows(t, client, "open 5")
	flows(t, client, "talk")
	flows(t, client, "short 100")
	want := flows(t, client, "close")
	want.Sent, want.Received = want.Sent-old.Sent, want.Received-old.Received
	var got health.Values
	require.Eventually(t, func() bool {
		got = tally(t, p, pids[0], health.TCP)
		return got.Closed == 106
	}, 30*time.Second, 100*time.Millisecond, "%+v", &got)
	assert.EqualValues(t, 105, got.Accepted)
	assert.Equal(t, want.Sent, got.BytesReceived)
	assert.Equal(t, want.Received, got.BytesSent)
	got = tally(t, p, pids[1], health.TCP)
	assert.EqualValues(t, 105, got.Opened)
	assert.EqualValues(t, 106, got.Closed)
	assert.Equal(t, want.Sent, got.BytesSent)
	assert.Equal(t, want.Received, got.BytesReceived)
	assert.Zero(t, got.Active)

	require.Contains(t, ask(t, sockets, "connect 1"), "refused")
	full := ask(t, sockets, "listen 0")
	require.Equal(t, "connected", ask(t, sockets, "connect "+full))
	require.Contains(t, ask(t, sockets, "impatient "+full+" 1"), "timed out")
	got = tally(t, p, pids[2], health.TCP)
	assert.Equal(t, health.Failures{health.Refused: 1, health.TimedOut: 1}, got.Failed)
	assert.Positive(t, got.RTOs)
	assert.Equal(t, got.RTOs, got.Retransmits, "only SYNs were sent again")
	assert.Positive(t, got.ListenOverflows)

	if datagrams {
		flows(t, client, "packets 100")
		got = tally(t, p, pids[1], health.UDP)
		assert.EqualValues(t, 100, got.DatagramsSent)
		assert.EqualValues(t, 100, got.DatagramsReceived)
	}
}

func ask(t *testing.T, p *program, line string) string {
	_, err := fmt.Fprintln(p.in, line)
	require.NoError(t, err)
	return p.line(t)
}

func flows(t *testing.T, p *program, line string) (f apps.Flows) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(ask(t, p, line)), &f))
	return f
}

// tally adds up the series of a process, as far as the test looks at them.
func tally(t *testing.T, p *probe.Probes, pid uint32, transport health.Transport) (v health.Values) {
	t.Helper()
	series, err := p.Health()
	require.NoError(t, err)
	for _, s := range series {
		if s.PID != pid || s.Transport != transport {
			continue
		}
		v.BytesSent += s.BytesSent
		v.BytesReceived += s.BytesReceived
		v.Opened += s.Opened
		v.Accepted += s.Accepted
		v.Closed += s.Closed
		v.Active += s.Active
		v.RTOs += s.RTOs
		v.Retransmits += s.Retransmits
		v.ListenOverflows += s.ListenOverflows
		v.DatagramsSent += s.DatagramsSent
		v.DatagramsReceived += s.DatagramsReceived
		for i, n := range s.Failed {
			v.Failed[i] += n
		}
	}
	return v
}
