//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// bulk compares the throughput of one connection over loopback without and with
// a collector that observes it. first is what the sender says before the rest.
func bulk(dir, binary, name, first string, pairs int, length time.Duration) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	go sink(ln)
	receiver := fmt.Sprintf("ebpf: {collection_interval: 1s, targets: {include: [{ports: [%d]}]}}", ln.Addr().(*net.TCPAddr).Port)
	var bare, observed, ratios []float64
	transfer(ln, first, length) // warm up
	for range pairs {
		bare = append(bare, transfer(ln, first, length))
		c := launch(dir, binary, receiver)
		observed = append(observed, transfer(ln, first, length))
		c.stop()
		ratios = append(ratios, observed[len(observed)-1]/bare[len(bare)-1])
	}
	fmt.Printf("bulk %s: %d pairs of %v\n", name, pairs, length)
	fmt.Printf("  MiB/s bare %.0f, observed %.0f; ratio %.3f (%.3f to %.3f)\n",
		middle(bare), middle(observed), middle(ratios), slices.Min(ratios), slices.Max(ratios))

	c := launch(dir, binary, receiver)
	defer c.stop()
	stop := enableStats()
	defer stop()
	before := bpfTime(c.pid())
	mib := transfer(ln, first, length) * length.Seconds()
	for program, now := range bpfTime(c.pid()) {
		if runs := now.runs - before[program].runs; runs > 0 {
			fmt.Printf("    %-16s %.2f runs per MiB, %v each\n", program, float64(runs)/mib, (now.time-before[program].time)/time.Duration(runs))
		}
	}
}

// sink reads what comes.
func sink(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 128<<10)
			for {
				if _, err := io.ReadFull(c, buf); err != nil {
					return
				}
			}
		}()
	}
}

// transfer sends for a while and returns how many MiB a second went.
func transfer(ln net.Listener, first string, length time.Duration) float64 {
	c, err := net.Dial("tcp", ln.Addr().String())
	check(err)
	defer c.Close()
	_, err = io.WriteString(c, first)
	check(err)
	buf, sent, begin := make([]byte, 128<<10), 0, time.Now()
	for time.Since(begin) < length {
		n, err := c.Write(buf)
		check(err)
		sent += n
	}
	return float64(sent) / (1 << 20) / time.Since(begin).Seconds()
}
