//go:build linux

package truth

import (
	"math/rand"
	"time"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
	"github.com/edf076de/ebpfreceiver/test/truth/programs"
)

// A cause is one way to make requests slow, and what spans may say of them.
type cause struct {
	name string
	job  programs.Job // the same for all requests, but for the path
	ask  string       // the query of the path: what the server does
	kept bool         // all requests use one connection, and a request before them opened it

	delay  time.Duration           // of each direction of the path
	shape  func() emulator.Shaper  // made anew for each request
	routed bool                    // a router translates addresses
	atOnce int                     // requests at a time; 0: one
	times  int                     // as many requests as of others; 0: 1
	within time.Duration           // how long an undisturbed request takes at most; 0: any time
	calm   bool                    // an undisturbed request waits for no program
	judge  func(*ground) judgement // what the verdicts may be; nil: there is no span

	// cost is what the cause cost a request, as programs and emulator saw it:
	// at least so much, or it was not injected.
	cost  func(*ground) time.Duration
	least time.Duration
}

// A judgement is the verdicts that are right, by side.
type judgement struct {
	client, server allowed
	disturbed      bool // what was slow is not what was injected
}

// allowed are the verdicts that are right, and those that are neither right nor
// wrong: what no observer of that side could know better. "unknown" always is.
type allowed struct {
	right     []string
	tolerated []string
}

func only(right ...string) allowed { return allowed{right: right} }

func (a allowed) or(tolerated ...string) allowed { a.tolerated = tolerated; return a }

// verdicts makes a judgement that holds for all requests of a cause.
func verdicts(client, server allowed) func(*ground) judgement {
	return func(*ground) judgement { return judgement{client: client, server: server} }
}

const (
	network     = "network"
	application = "application"
	peer        = "peer"
	theClient   = "client"
	dns         = "dns"
	connect     = "connect"
	none        = "none"
	unknown     = "unknown"
	missing     = "absent" // the span has no verdict
)

const ms = time.Millisecond

// causes are all of them. The sides see different things: a slow application is
// the application at the server's end and the peer at the client's.
func causes() []cause {
	return append(append(append(quick(), ofPrograms()...), ofNetwork()...), ofSetUp()...)
}

// quick are the requests that nothing slows.
func quick() []cause {
	nothing := verdicts(only(none), only(none))
	return []cause{
		{name: "control", kept: true, times: 2, cost: everything, within: 5 * ms, judge: nothing},
		{name: "control-fresh", times: 2, cost: everything, within: 5 * ms, judge: nothing},
		{name: "control-nat", routed: true, cost: everything, within: 5 * ms, judge: nothing},
	}
}

// ofPrograms are the causes that lie in one of the two programs.
func ofPrograms() []cause {
	slow := verdicts(only(peer), only(application))
	return []cause{
		{
			name: "slow-app", kept: true, ask: "sleep=120",
			cost: thinking, least: 120 * ms, within: 140 * ms,
			judge: slow,
		},
		{
			name: "slow-app-fresh", ask: "sleep=120",
			cost: thinking, least: 120 * ms, within: 140 * ms,
			judge: slow,
		},
		{
			name: "slow-app-nat", ask: "sleep=120", routed: true,
			cost: thinking, least: 120 * ms, within: 140 * ms,
			judge: slow,
		},
		{
			name: "deaf-app", kept: true, job: programs.Job{Port: programs.Deaf},
			cost: unreadRequest, least: 150 * ms, within: 175 * ms,
			judge: slow,
		},
		{
			name: "accept-queue", job: programs.Job{Port: programs.Hesitant},
			cost: accepting, least: 119 * ms, within: 145 * ms,
			judge: slow,
		},
		{
			name: "accept-full", atOnce: 5, job: programs.Job{Port: programs.Full},
			cost: everything, least: 50 * ms,
			judge: judgeFull,
		},
		{
			name: "slow-reader", job: programs.Job{Late: 200 * ms, Room: 16 << 10}, ask: "bytes=1000000",
			cost: blockedServer, least: 150 * ms,
			judge: verdicts(only(application), only(theClient)),
		},
		{
			name: "slow-upload", job: programs.Job{Body: 20000, Piece: 5000, Pause: 50 * ms},
			cost: uploading, least: 150 * ms,
			judge: verdicts(only(application), only(theClient)),
		},
		{
			name: "zero-window-up", job: programs.Job{Port: programs.Deaf, Body: 2 << 20},
			cost: blockedClient, least: 100 * ms,
			judge: verdicts(only(peer), only(application)),
		},
		{
			name: "accept-late-ack", job: programs.Job{Port: programs.Hesitant}, shape: lostHandshake,
			cost: accepting, least: 119 * ms,
			judge: verdicts(only(peer), only(application)),
		},
		{
			name: "gives-up", job: programs.Job{Patience: 100 * ms}, ask: "sleep=300",
			cost: givingUp, least: 100 * ms,
			judge: slow,
		},
		{
			name: "reset", ask: "sleep=60&bytes=4000&reset=1",
			cost: thinking, least: 60 * ms, within: 80 * ms,
			judge: slow,
		},
		{
			name: "reset-at-once", ask: "bytes=4000&reset=1",
			cost: thinking, within: 5 * ms,
			judge: verdicts(only(peer, none), only(application, none)),
		},
	}
}

// ofNetwork are the causes that lie between the programs. Of an answer, or the
// tail of one, that was lost the client cannot know that it was sent earlier:
// "unknown" is right there, and "peer" not wrong.
func ofNetwork() []cause {
	far := verdicts(only(network), only(none, network))
	lost := verdicts(only(network, unknown).or(peer), only(none, network))
	return []cause{
		{
			name: "delay-80", kept: true, delay: 40 * ms,
			cost: everything, least: 80 * ms, within: 95 * ms,
			judge: far,
		},
		{
			name: "delay-80-fresh", delay: 40 * ms,
			cost: everything, least: 80 * ms, within: 95 * ms,
			judge: verdicts(only(network, connect), only(none, network)),
		},
		{
			name: "delay-80-nat", kept: true, delay: 40 * ms, routed: true,
			cost: everything, least: 80 * ms, within: 95 * ms,
			judge: far,
		},
		{
			name: "delay-50-large", ask: "bytes=300000", delay: 25 * ms,
			cost: everything, least: 100 * ms, calm: true,
			judge: far,
		},
		{
			name: "loss-1-small", kept: true, times: 4, shape: loss(0.01),
			cost: everything, calm: true,
			judge: judgeSmallLoss,
		},
		{
			name: "loss-5-small", kept: true, times: 4, shape: loss(0.05),
			cost: everything, calm: true,
			judge: judgeSmallLoss,
		},
		{
			name: "loss-1-large", ask: "bytes=100000", delay: 10 * ms, shape: loss(0.01),
			cost: everything, least: 40 * ms, calm: true,
			judge: far,
		},
		{
			name: "loss-5-large", ask: "bytes=100000", delay: 10 * ms, shape: loss(0.05),
			cost: everything, least: 40 * ms, calm: true,
			judge: far,
		},
		{
			name: "request-lost", kept: true, shape: lose(1, emulator.Up),
			cost: requestLoss, least: 2 * ms, calm: true,
			judge: verdicts(only(network), only(none, network)),
		},
		{
			name: "answer-lost", kept: true, shape: lose(1, emulator.Down),
			cost: answerLoss, least: 2 * ms, calm: true,
			judge: lost,
		},
		{
			name: "middle-lost", ask: "bytes=60000", delay: 10 * ms, shape: lose(5, emulator.Down),
			cost: answerLoss, least: 10 * ms, calm: true,
			judge: far,
		},
		{
			name: "tail-lost", ask: "bytes=10000", delay: 2 * ms, shape: lose(7, emulator.Down),
			cost: answerLoss, least: 2 * ms, calm: true,
			judge: lost,
		},
		{
			name: "blackhole-request", kept: true, shape: blackhole(emulator.Up),
			cost: requestLoss, least: 500 * ms, calm: true,
			judge: far,
		},
		{
			name: "blackhole-answer", kept: true, shape: blackhole(emulator.Down),
			cost: answerLoss, least: 500 * ms, calm: true,
			judge: lost,
		},
		{
			name: "app-and-delay", kept: true, ask: "sleep=400", delay: 15 * ms,
			cost: thinking, least: 400 * ms, within: 450 * ms,
			judge: verdicts(only(peer), only(application)),
		},
		{
			name: "delay-and-app", kept: true, ask: "sleep=15", delay: 100 * ms,
			cost: everything, least: 215 * ms, within: 240 * ms,
			judge: verdicts(only(network), only(application, none, network)),
		},
		{
			name: "app-and-loss", kept: true, ask: "sleep=1200", shape: lose(1, emulator.Up),
			cost: thinking, least: 1200 * ms,
			judge: verdicts(only(peer), only(application)),
		},
	}
}

// ofSetUp are the causes that come before the request.
func ofSetUp() []cause {
	early := verdicts(only(connect), only(none))
	name := verdicts(only(dns), only(none))
	return []cause{
		{
			name: "connect-slow", shape: slowSYN,
			cost: connecting, least: 300 * ms, within: 15 * ms,
			judge: early,
		},
		{
			name: "syn-lost", atOnce: 5, shape: lostSYN,
			cost: connecting, least: 1000 * ms, within: 15 * ms,
			judge: early,
		},
		{
			name: "dns-slow", job: programs.Job{Host: "wait-250"},
			cost: lookingUp, least: 250 * ms, within: 15 * ms,
			judge: name,
		},
		{
			name: "dns-slow-libc", job: programs.Job{Host: "wait-250", Libc: true},
			cost: lookingUp, least: 250 * ms, within: 15 * ms,
			judge: name,
		},
		{
			name: "dns-timeout", atOnce: 5, job: programs.Job{Host: "mute-1"},
			cost: lookingUp, least: 1000 * ms, within: 15 * ms,
			judge: name,
		},
		{name: "refused", job: programs.Job{Port: programs.Refused}, judge: nil},
	}
}

func loss(share float64) func() emulator.Shaper {
	random := rand.New(rand.NewSource(1))
	return func() emulator.Shaper {
		return emulator.Lose(random, share, func(p *emulator.Packet) bool { return !p.SYN })
	}
}

func lose(n int, d emulator.Direction) func() emulator.Shaper {
	return func() emulator.Shaper { return emulator.LoseNth(n, emulator.DataTo(d)) }
}

func blackhole(d emulator.Direction) func() emulator.Shaper {
	return func() emulator.Shaper { return emulator.Blackhole(500*ms, emulator.DataTo(d)) }
}

func slowSYN() emulator.Shaper {
	return func(p *emulator.Packet) (time.Duration, bool) {
		if p.SYN && p.Dir == emulator.Up {
			return 300 * ms, false
		}
		return 0, false
	}
}

// lostHandshake drops the last packet of each handshake: the request takes its
// place.
func lostHandshake() emulator.Shaper {
	return emulator.LoseNth(1, func(p *emulator.Packet) bool { return p.Dir == emulator.Up && p.ACK && !p.SYN })
}

// lostSYN drops the first SYN of each connection.
func lostSYN() emulator.Shaper {
	seen := map[emulator.Flow]bool{}
	return func(p *emulator.Packet) (time.Duration, bool) {
		first := p.SYN && p.Dir == emulator.Up && !seen[p.Flow]
		seen[p.Flow] = true
		return 0, first
	}
}

// judgeSmallLoss: a request was hit by a loss that slowed it much, or by none
// that slowed it.
func judgeSmallLoss(g *ground) judgement {
	j := judgement{client: only(network), server: only(none, network)}
	switch {
	case g.total() < 5*ms:
		j.client = only(none)
	case g.up.lost(g.sent.Request.From, g.sent.Request.To) > 0:
	case g.down.lost(g.served.Response.From, g.served.Response.To) > 0:
		j.client = only(network, unknown).or(peer)
	default:
		j.disturbed = true
	}
	return j
}

// judgeFull: a connection waited in the queue, or to get into it, and there the
// kernel of the server answers nothing or the first data again and again.
func judgeFull(g *ground) judgement {
	j := judgement{client: only(peer), server: only(application)}
	if g.served.Accepted-g.requestArrival() < 20*ms {
		j.server = only(none, application)
	}
	switch {
	case g.connecting() > g.total():
		j.client = only(connect)
	case len(g.up.resent(g.sent.Request.From, g.sent.Request.To)) > 0:
		j.client = only(peer, network)
	}
	return j
}
