//go:build linux

package truth

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
	"github.com/edf076de/ebpfreceiver/test/truth/programs"
)

// precise is how far the median of what programs measure may be from what the
// emulator does.
const precise = 2 * ms

// TestPrecision holds what the client measures by itself against what the
// emulator was told to do, and what it says it did. No receiver takes part.
func TestPrecision(t *testing.T) {
	l := newLab(t)
	for _, delay := range []time.Duration{0, 10 * ms, 50 * ms} {
		t.Run(delay.String(), func(t *testing.T) {
			addr := at(serverPrefix, 100+int(delay/ms))
			l.net.Path(addr).Delay(delay)
			var told, seen []time.Duration
			for i := range 15 {
				sent := l.do(t, programs.Job{Path: fmt.Sprintf("/precision-%v/%d", delay, i), Host: addr.String(), Port: programs.Ready})
				require.Empty(t, sent.Err)
				took := sent.Connect[1] - sent.Connect[0]
				told = append(told, took-2*delay)
				seen = append(seen, took-l.ground(sent).connecting())
			}
			t.Logf("connecting took %s longer than told, %s longer than seen", middle(told), middle(seen))
			require.Less(t, median(told), precise)
			require.Less(t, median(seen), precise)
		})
	}
}

// TestExactLoss drops one packet of many, and the trace says so: that packet was
// dropped, its bytes were sent again, and all arrived.
func TestExactLoss(t *testing.T) {
	l := newLab(t)
	addr := at(serverPrefix, 100)
	for n := 1; n <= 5; n++ {
		l.net.Path(addr).Shape(emulator.LoseNth(n, emulator.DataTo(emulator.Down)))
		sent := l.do(t, programs.Job{Path: fmt.Sprintf("/exact/%d?bytes=20000", n), Host: addr.String(), Port: programs.Ready})
		require.Empty(t, sent.Err)
		down := l.ground(sent).down
		require.Equal(t, 1, down.lost(0, sent.Response.To))
		require.Len(t, down.resent(0, sent.Response.To), 1)
		arrived := down.arrival(sent.Response.To)
		require.NotZero(t, arrived)
		require.Less(t, arrived, sent.Response.Last())
	}
}
