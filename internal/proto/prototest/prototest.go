// Package prototest runs a protocol's parser over conversations written as text.
//
// A conversation is a file of sections. What precedes the first one says what
// the conversation shows. Every section below takes one tick of the clock, and
// is one system call of the observed process:
//
//	-- client --             bytes of the client: Go escapes; line ends do not count
//	-- server more --        bytes of a call that goes on in the next section
//	-- server thrift 1000 -- bytes of the same call that were not captured
//	-- server lost 1000 --   bytes that were lost
//	-- server eof --         the FIN of the server
//	-- close reason --       the end of the connection; without it, it ends with
//	                         connection_closed behind the last section
//
// These say how to play it:
//
//	-- process client tls --  the side of the observed process; the server's unless said
//	-- config --              what the protocol is made with, as its test reads it
//	-- show --                the attributes to print, or "all" of them
//	-- want --                the exchanges
//
// A conversation of HTTP/2 is written in frames: frames.go says how.
//
//	-- frames --              the sections below are frames
//	-- server lost --         frames that were lost
//	-- joined --              what is above was before the receiver
//	-- unmarked --            nor did the kernel side say where frames begin above
//
// The player hands the bytes over as the tracker does; its file says how.
package prototest

import (
	"flag"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

var update = flag.Bool("update", false, "write what the parser emits into the conversations")

// A Maker returns the protocol under test. config is the conversation's, often empty.
type Maker func(t testing.TB, config string) *proto.Protocol

// Run plays every conversation whole, one byte at a time and in random pieces,
// and compares what the parser emits. show names the attributes to print where
// the conversation does not.
func Run(t *testing.T, make Maker, glob string, show ...string) {
	for _, path := range conversations(t, glob) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c := load(t, path)
			if c.show == nil {
				c.show = show
			}
			p := make(t, c.config)
			if *update {
				c.rewrite(t, path, play(p, c, whole))
			}
			check(t, c, "whole", play(p, c, whole))
			check(t, c, "byte by byte", play(p, c, single))
			for seed := range uint64(50) {
				random := rand.New(rand.NewPCG(seed, seed))
				check(t, c, "in random pieces", play(p, c, cutter(random)))
			}
		})
	}
}

func conversations(t testing.TB, glob string) []string {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no conversation in %s: %v", glob, err)
	}
	return paths
}

func check(t *testing.T, c *conversation, how, got string) {
	t.Helper()
	if got != c.want && !t.Failed() {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", how, got, c.want)
	}
}

// whole, single and cutter say how long the next piece of n bytes is.
func whole(n uint64) uint64  { return n }
func single(n uint64) uint64 { return 1 }

func cutter(r *rand.Rand) func(n uint64) uint64 {
	return func(n uint64) uint64 {
		if r.IntN(4) == 0 {
			return n
		}
		return 1 + r.Uint64N(min(n, 40))
	}
}
