package pipeline

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
	"github.com/edf076de/ebpfreceiver/internal/resource"
)

// gone is the PID of no process: above what the kernel gives.
const gone = 1 << 30

// A clinic is a fake kernel that counts one byte more at each collection.
type clinic struct {
	mu          sync.Mutex
	pids        []uint32
	err         error
	collections uint64
	forgotten   []uint32
}

func (c *clinic) Health() ([]health.Series, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.collections++
	var all []health.Series
	for _, pid := range c.pids {
		for _, port := range []uint16{80, 443} {
			n := c.collections
			if pid != uint32(os.Getpid()) {
				n = 1
			}
			all = append(all, health.Series{
				Key:    health.Key{PID: pid, Transport: health.TCP, ServerPort: port},
				Values: health.Values{BytesSent: n},
			})
		}
	}
	slices.Reverse(all) // in no order
	return all, c.err
}

func (c *clinic) forget(pid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten = append(c.forgotten, pid)
	c.pids = slices.DeleteFunc(c.pids, func(p uint32) bool { return p == pid })
}

func (c *clinic) freed() []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.forgotten)
}

func (c *clinic) become(pids []uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pids, c.err = pids, err
}

// A slow source has a record now and then, and never ends.
type slow struct {
	records chan []byte
	wake    chan struct{}
}

func newSlow() slow  { return slow{make(chan []byte, 1), make(chan struct{})} }
func (s slow) Wake() { close(s.wake) }

func (s slow) Drain(take func([]byte)) error {
	select {
	case r := <-s.records:
		take(r)
	default:
	}
	return nil
}

func (s slow) Wait(limit time.Duration) error {
	select {
	case <-s.wake:
	case <-time.After(limit):
	}
	return nil
}

// A delivered point of ebpf.tcp.io.
type sent struct {
	pid, port int64
	service   string
	bytes     int64
}

func points(md pmetric.Metrics) (all []sent) {
	for _, rm := range md.ResourceMetrics().All() {
		service, _ := rm.Resource().Attributes().Get("service.name")
		pid, _ := rm.Resource().Attributes().Get("process.pid")
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			if m.Name() != "ebpf.tcp.io" {
				continue
			}
			for _, p := range m.Sum().DataPoints().All() {
				direction, _ := p.Attributes().Get("network.io.direction")
				if port, _ := p.Attributes().Get("server.port"); direction.Str() == "transmit" {
					all = append(all, sent{pid.Int(), port.Int(), service.Str(), p.IntValue()})
				}
			}
		}
	}
	return all
}

// observe runs a pipeline over a source with the health of a clinic, and returns
// it with what it delivers.
func observe(c *clinic, source event.Source) (*Pipeline, func() []sent) {
	var mu sync.Mutex
	var delivered []sent
	p := New(Config{
		Source: source, Protocols: all.Protocols(all.Config{}), Mute: func(uint64) {}, Carry: func(uint64) {}, Lanes: 3,
		Interval: 10 * time.Second, MaxConnections: 100, MaxSeries: 100,
		Health: c.Health, ForgetHealth: c.forget,
		Metrics: func(_ context.Context, md pmetric.Metrics) {
			mu.Lock()
			defer mu.Unlock()
			delivered = append(delivered, points(md)...)
		},
	})
	return p, func() []sent {
		mu.Lock()
		defer mu.Unlock()
		got := delivered
		delivered = nil
		slices.SortFunc(got, func(a, b sent) int { return int(a.pid - b.pid + (a.port - b.port)) })
		return got
	}
}

// start runs the pipeline until the end that it returns.
func start(t *testing.T, p *Pipeline) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// interval waits for a collection.
func interval() {
	time.Sleep(10 * time.Second)
	synctest.Wait()
}

func of(pid uint32, service string, bytes int64) []sent {
	return []sent{{int64(pid), 80, service, bytes}, {int64(pid), 443, service, bytes}}
}

// serviceOf is what this process is called: by its unit, where it has one.
func serviceOf(t *testing.T, pid uint32) string {
	info, ok := process.Read(pid)
	require.True(t, ok)
	name, _ := resource.New("").Of(info).Attributes().Get("service.name")
	return name.Str()
}

func TestHealthReachesTheConsumer(t *testing.T) {
	self := uint32(os.Getpid())
	service := serviceOf(t, self)
	synctest.Test(t, func(t *testing.T) {
		c := &clinic{pids: []uint32{self}}
		p, delivered := observe(c, newSlow())
		end := start(t, p)
		for n := range int64(3) {
			interval()
			require.Equal(t, of(self, service, n+1), delivered())
		}
		c.become([]uint32{self}, errors.New("the map is closed"))
		interval()
		require.Empty(t, delivered(), "what was before is not what is now")
		require.Contains(t, p.Losses(), Count{"health_unread", "metrics", 1})
		c.become([]uint32{self}, nil)
		interval()
		require.Equal(t, of(self, service, 5), delivered())
		end()
		require.Equal(t, of(self, service, 6), delivered(), "one last collection")
		require.Empty(t, c.freed())
	})
}

// TestHealthOfTheUnknown has a process that had exited before anybody looked.
func TestHealthOfTheUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clinic{pids: []uint32{gone, 0}}
		p, delivered := observe(c, newSlow())
		defer start(t, p)()
		for n := range 5 {
			interval()
			want := of(0, "unknown_service", 1)
			if n < 2 {
				want = append(want, of(gone, "unknown_service", 1)...)
			}
			require.Equal(t, want, delivered())
		}
		require.Equal(t, []uint32{gone}, c.freed())
		require.Empty(t, p.lanes[p.laneOf(gone)].subjects)
	})
}

// TestHealthAfterTheExit has the kernel describe a process and tell its exit.
func TestHealthAfterTheExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newSlow()
		c := &clinic{pids: []uint32{gone}}
		p, delivered := observe(c, source)
		defer start(t, p)()
		source.records <- described()
		for range 3 {
			interval()
			require.Equal(t, of(gone, "shop", 1), delivered())
		}
		source.records <- exited()
		interval()
		require.Equal(t, of(gone, "shop", 1), delivered())
		require.Empty(t, c.freed())
		interval()
		require.Empty(t, delivered())
		require.Equal(t, []uint32{gone}, c.freed())
	})
}

// TestHealthOfTheShortLived has a process exit before the collection that is the
// first to have it, and that one come only after another without it.
func TestHealthOfTheShortLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newSlow()
		c := &clinic{}
		p, delivered := observe(c, source)
		defer start(t, p)()
		source.records <- described()
		time.Sleep(maxWait)
		source.records <- exited()
		interval()
		require.Empty(t, delivered())
		c.become([]uint32{gone}, nil)
		interval()
		require.Equal(t, of(gone, "shop", 1), delivered())
		for range 4 {
			interval()
		}
		require.Equal(t, []uint32{gone}, c.freed())
		require.Empty(t, p.lanes[p.laneOf(gone)].subjects)
	})
}

func described() []byte {
	return bytesOf(&bpf.RawWireProcess{
		H:     bpf.RawWireHeader{Kind: uint16(event.Process), Tgid: gone},
		Start: 1, ExeAt: 256, CgroupAt: 256, Comm: [16]uint8{'s', 'h', 'o', 'p'},
	})
}

func exited() []byte {
	return bytesOf(&bpf.RawWireHeader{Kind: uint16(event.Exit), Tgid: gone})
}
