package prototest

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// losses is how many ways every conversation loses bytes.
const losses = 300

// Lose plays the conversations with parts of them lost. A parser may then say
// less, but what it still says of an exchange in the attributes keys names must
// be what it said of one that began at the same time when nothing was lost.
func Lose(t *testing.T, make Maker, glob string, keys ...string) {
	for _, path := range conversations(t, glob) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c := load(t, path)
			p := make(t, c.config)
			whole, log := listen(p, c, nil)
			stopped := strings.Contains(log, "stop\n") // and did not see the rest
			for seed := range uint64(losses) {
				r := rand.New(rand.NewPCG(seed, 1))
				lossy := *c
				lossy.steps = lose(c.steps, r)
				got, log := listen(p, &lossy, r)
				for _, x := range got {
					if !truthful(whole, x, keys, stopped) {
						t.Fatalf("seed %d: untrue at %d: %v\n%s", seed, x.start, x.attrs, log)
					}
				}
			}
		})
	}
}

// said is what an exchange says.
type said struct {
	start time.Duration
	attrs map[string]string
}

// truthful reports whether x agrees with one that began at the same time, or, if
// new is set, that there is none.
func truthful(whole []said, x said, keys []string, new bool) bool {
	for _, w := range whole {
		if w.start == x.start {
			if w.agrees(x, keys) {
				return true
			}
			new = false
		}
	}
	return new
}

func (w said) agrees(x said, keys []string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool {
		v, ok := x.attrs[k]
		told, before := w.attrs[k]
		return ok && before && v != told
	})
}

// listen plays c in random pieces and returns what its exchanges say.
func listen(p *proto.Protocol, c *conversation, r *rand.Rand) (all []said, log string) {
	cut := whole
	if r != nil {
		cut = cutter(r)
	}
	t := start(p, c, func(x *proto.Exchange) {
		s := said{x.Start, map[string]string{}}
		for _, a := range x.Attrs {
			s.attrs[a.Key] = value(a)
		}
		if x.TLS != nil {
			s.handshake(x)
		}
		all = append(all, s)
	})
	for _, s := range c.steps {
		t.step(s, cut)
	}
	return all, t.log.String()
}

// handshake adds what a handshake says, and how it went if that was seen.
func (s *said) handshake(x *proto.Exchange) {
	for _, a := range x.TLS.Attrs(nil) {
		s.attrs[a.Key] = value(a)
	}
	if x.Capture&proto.UnknownEnd == 0 {
		s.attrs["error.type"] = x.Err
		s.attrs["end"] = x.End.String()
	}
}

// lose makes holes of some steps, or of parts of them. The parts stay one step
// of the clock, so that times can be compared.
func lose(steps []step, r *rand.Rand) (left []step) {
	for _, s := range steps {
		if s.kind == sent && len(s.bytes) > 1 && r.IntN(4) == 0 {
			a, b := r.IntN(len(s.bytes)), r.IntN(len(s.bytes)+1)
			if a > b || r.IntN(3) == 0 {
				a, b = 0, len(s.bytes)
			}
			s.missing = [2]int{a, b}
		}
		left = append(left, s)
	}
	return left
}
