//go:build linux

package truth

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
	"github.com/edf076de/ebpfreceiver/test/truth/programs"
)

// requestsEnv names the environment variable with the number of requests of
// each cause. Without it there are a few: the suite then says little of shares.
const requestsEnv = "TRUTH_REQUESTS"

const fewRequests = 3

// lanes is how many causes are injected at a time. They share no connection and
// no path, but two processors.
const lanes = 4

// TestTruth injects every cause, and holds the verdicts and numbers of the
// spans against what the programs did and the emulator saw.
func TestTruth(t *testing.T) {
	n := fewRequests
	if text := os.Getenv(requestsEnv); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	// By its ports alone a program is known from its first connection on: too late
	// for the look-up before it.
	o := observe(t, fmt.Sprintf("{targets: {include: [{ports: ['%d-%d']}, {ports: [53], executables: ['*/truth.test']}]}, "+
		"latency: {trace_accept_syscalls: true}}", programs.Ready, programs.Refused))
	l := newLab(t)
	began := time.Now()
	all := causes()
	m := newMatrix(all)
	inLanes(all, func(i int, c cause) {
		r := &run{lab: l, observer: o, cause: c, matrix: m, number: i}
		r.requests(t, n)
	})
	median, hundredth, worst := l.net.Lateness()
	fmt.Printf("%d requests of each cause in %v; the emulator was late by %v, %v for one of a hundred, %v at worst\n\n",
		n, time.Since(began).Round(time.Second), median, hundredth, worst)
	m.print(os.Stdout)
	require.Zero(t, l.net.Refused(), "packets the kernel did not take from the emulator")
	require.Empty(t, m.flaws())
}

func inLanes(causes []cause, f func(int, cause)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, lanes)
	for i, c := range causes {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f(i, c)
		})
	}
	wg.Wait()
}

// A run is one cause being injected.
type run struct {
	lab      *lab
	observer *observer
	cause    cause
	matrix   *matrix
	number   int // of the cause, and of its addresses
	path     *emulator.Path
}

// firstAddr is the last byte of the addresses of the first cause.
const firstAddr = 10

// patience is how often a request may be disturbed, for each that counts.
const patience = 5

// requests makes n requests that count, in turns of as many as go at a time.
func (r *run) requests(t *testing.T, n int) {
	r.prepare(t)
	n *= max(1, r.cause.times)
	var mu sync.Mutex
	made, good := 0, 0
	for good < n && made < patience*n {
		if r.cause.shape != nil {
			r.path.Shape(r.cause.shape())
		}
		var wg sync.WaitGroup
		for range min(max(1, r.cause.atOnce), n-good) {
			made++
			number := made
			wg.Go(func() {
				if r.request(t, number) {
					mu.Lock()
					defer mu.Unlock()
					good++
				}
			})
		}
		wg.Wait()
	}
	if r.cause.judge != nil {
		r.matrix.disturbed(r.cause.name, made-good, n-good)
	}
}

func (r *run) prepare(t *testing.T) {
	server := at(serverPrefix, firstAddr+r.number)
	target := server
	if r.cause.routed {
		target = at(outsideNet, firstAddr+r.number)
		r.lab.net.Translate(target, server, at(natClientNet, firstAddr+r.number))
	}
	r.path = r.lab.net.Path(target)
	r.path.Delay(r.cause.delay)
	if r.cause.job.Host == "" {
		r.cause.job.Host = target.String()
	} else {
		a := target.As4()
		r.cause.job.Host += fmt.Sprintf("-ip-%d-%d-%d-%d", a[0], a[1], a[2], a[3])
	}
	if r.cause.job.Port == 0 {
		r.cause.job.Port = programs.Ready
	}
	if r.cause.kept {
		r.cause.job.Keep = r.cause.name
		r.lab.do(t, r.job("first"))
	}
}

// job is the request of a name. A name to look up is another one each time.
func (r *run) job(name string) programs.Job {
	j := r.cause.job
	j.Path = "/" + r.cause.name + "/" + name + "?" + r.cause.ask
	if net.ParseIP(j.Host) == nil {
		j.Host += "-" + name + ".truth.test"
	}
	return j
}

// request makes one request and judges its spans. It is false when the request
// was disturbed: then there was another cause than the one injected.
func (r *run) request(t *testing.T, number int) bool {
	sent := r.lab.do(t, r.job(strconv.Itoa(number)))
	if r.cause.judge == nil {
		r.matrix.unexpected(r.cause.name, r.observer.await(sent.Path, 1))
		return true
	}
	spans := r.observer.await(sent.Path, 2)
	g := r.lab.ground(sent)
	j := r.cause.judge(g)
	if r.cause.within > 0 && g.total() > r.cause.within || r.cause.calm && !g.calm() || j.disturbed {
		return false
	}
	r.matrix.cost(&r.cause, g)
	r.matrix.enter(r.cause.name, finding{g, "client", find(spans, ptrace.SpanKindClient), j.client, g.clientNumbers()})
	r.matrix.enter(r.cause.name, finding{g, "server", find(spans, ptrace.SpanKindServer), j.server, g.serverNumbers()})
	return true
}

// find returns the span of a kind, or nil.
func find(spans []*span, kind ptrace.SpanKind) *span {
	for _, s := range spans {
		if s.kind == kind {
			return s
		}
	}
	return nil
}
