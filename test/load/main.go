//go:build linux

// Command load measures what observing costs a server: nginx under wrk, in
// interleaved pairs of runs without and with the collector. It needs root.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A run is what was measured in one round of wrk.
type run struct {
	requests  float64       // that nginx counted
	perSecond float64       // requests
	nginxCPU  time.Duration // per request
	collCPU   time.Duration // of the collector, per request
	exchanges float64       // that the collector understood
	lost      float64       // that it counted as lost
}

func main() {
	log.SetFlags(0)
	pairs := flag.Int("pairs", 7, "pairs of runs")
	length := flag.Duration("for", 3*time.Second, "length of a run")
	connections := flag.Int("c", 16, "connections of wrk")
	collector := flag.String("collector", "bin/otelcol-ebpf", "binary to measure")
	stats := flag.Bool("stats", true, "one more run with kernel.bpf_stats_enabled, which costs by itself")
	only := flag.String("only", "", "measure only this mode: idle, server, both-ends, latency, tls, tls-plaintext or bulk")
	flag.Parse()

	dir, err := os.MkdirTemp("", "ebpf-load")
	check(err)
	defer os.RemoveAll(dir)
	if *only == "" || *only == "idle" {
		idle(dir, *collector)
	}
	if *only == "" || *only == "bulk" {
		bulk(dir, *collector, "that is not HTTP", "\xff\xff\xff\xff", *pairs, *length)
		bulk(dir, *collector, "that is HTTP", "PUT /bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n", *pairs, *length)
	}
	n := startNginx(dir)
	defer n.stop()
	for _, m := range modes(n) {
		if *only != "" && *only != m.name {
			continue
		}
		b := bench{nginx: n, dir: dir, collector: *collector, mode: m, length: *length, connections: *connections}
		b.pairs(*pairs, *stats)
	}
}

// idle compares a collector whose receiver has nothing to do with one without it.
func idle(dir, binary string) {
	const length = 20 * time.Second
	for _, receiver := range []string{"nop: {}", "ebpf: {targets: {include: [{ports: [1]}]}}"} {
		c := launch(dir, binary, receiver)
		time.Sleep(5 * time.Second)
		before := c.cpu()
		time.Sleep(length)
		name, _, _ := strings.Cut(receiver, ":")
		fmt.Printf("idle: receiver %s: CPU %v in %v, RSS %.1f MiB, BPF maps %.1f MiB\n",
			name, (c.cpu() - before).Round(time.Millisecond), length, c.rss()/(1<<20), c.kernelMemory()/(1<<20))
		c.stop()
	}
}

// A mode is what the collector observes, and what that is compared with.
type mode struct {
	name     string
	targets  string
	baseline string // keys of a receiver's configuration; empty: no collector
	url      string
}

func modes(n *nginx) []mode {
	server, both := fmt.Sprintf("{ports: [%d], executables: ['*/nginx']}", n.port), fmt.Sprintf("{ports: [%d]}", n.port)
	secret := fmt.Sprintf("{ports: [%d], executables: ['*/nginx']}", n.tlsPort)
	url, secretURL := fmt.Sprintf("http://127.0.0.1:%d/", n.port), fmt.Sprintf("https://127.0.0.1:%d/", n.tlsPort)
	return []mode{
		{"server", server, "", url},
		{"both-ends", both, "", url},
		{"latency", server, "latency: {enabled: false}", url},
		{"tls", secret, "", secretURL},
		{"tls-plaintext", secret, "tls: {enabled: false}", secretURL},
	}
}

type bench struct {
	nginx       *nginx
	dir         string
	collector   string
	mode        mode
	length      time.Duration
	connections int
}

func (b *bench) pairs(n int, stats bool) {
	var bare, observed []run
	b.measure(nil) // warm up
	for range n {
		bare = append(bare, b.base())
		observed = append(observed, b.with(""))
	}
	b.report(bare, observed)
	if stats {
		c := startCollector(b, "")
		b.reportBPF(c)
		c.stop()
	}
}

// base measures what the mode is compared with.
func (b *bench) base() run {
	if b.mode.baseline == "" {
		return b.measure(nil)
	}
	return b.with(b.mode.baseline)
}

// with measures with a collector whose receiver has these keys too.
func (b *bench) with(keys string) run {
	c := startCollector(b, keys)
	defer c.stop()
	return b.measure(c)
}

// measure runs wrk once. c is nil without a collector.
func (b *bench) measure(c *collector) run {
	before, cpu := b.nginx.requests(), b.nginx.cpu()
	var collCPU time.Duration
	var exchanges, lost float64
	if c != nil {
		collCPU, exchanges, lost = c.cpu(), c.exchanges(), c.lost()
	}
	begin := time.Now()
	wrk(b.mode.url, b.connections, b.length)
	took := time.Since(begin)
	r := run{requests: b.nginx.requests() - before - 1} // less the one that asked
	r.perSecond = r.requests / took.Seconds()
	r.nginxCPU = per(b.nginx.cpu()-cpu, r.requests)
	if c != nil {
		time.Sleep(500 * time.Millisecond) // what waits is delivered
		r.collCPU = per(c.cpu()-collCPU, r.requests)
		r.exchanges, r.lost = c.exchanges()-exchanges, c.lost()-lost
	}
	return r
}

func per(d time.Duration, n float64) time.Duration { return time.Duration(float64(d) / n) }

func (b *bench) report(bare, observed []run) {
	var throughput, cpu []float64
	var seen, sent, lost float64
	for i := range bare {
		throughput = append(throughput, observed[i].perSecond/bare[i].perSecond)
		cpu = append(cpu, float64(observed[i].nginxCPU)/float64(bare[i].nginxCPU))
		seen += observed[i].exchanges
		sent += observed[i].requests
		lost += observed[i].lost
	}
	ends := 1.0
	if b.mode.name == "both-ends" {
		ends = 2
	}
	fmt.Printf("%s: %d pairs of %v, wrk -t1 -c%d\n", b.mode.name, len(bare), b.length, b.connections)
	fmt.Printf("  requests/s base %.0f, observed %.0f; ratio %.3f (%.3f to %.3f)\n",
		median(bare, func(r run) float64 { return r.perSecond }), median(observed, func(r run) float64 { return r.perSecond }),
		middle(throughput), slices.Min(throughput), slices.Max(throughput))
	fmt.Printf("  nginx CPU per request base %v, observed %v; ratio %.3f\n",
		time.Duration(median(bare, func(r run) float64 { return float64(r.nginxCPU) })),
		time.Duration(median(observed, func(r run) float64 { return float64(r.nginxCPU) })), middle(cpu))
	fmt.Printf("  collector CPU per request base %v, observed %v\n",
		time.Duration(median(bare, func(r run) float64 { return float64(r.collCPU) })),
		time.Duration(median(observed, func(r run) float64 { return float64(r.collCPU) })))
	fmt.Printf("  exchanges %.0f of %.0f (%.4f %%), counted as lost %.0f\n", seen, sent*ends, 100*seen/(sent*ends), lost)
}

func (b *bench) reportBPF(c *collector) {
	stop := enableStats()
	before := bpfTime(c.pid())
	r := b.measure(c)
	var sum time.Duration
	var lines []string
	for name, now := range bpfTime(c.pid()) {
		was := before[name]
		if now.runs == was.runs {
			continue
		}
		sum += now.time - was.time
		lines = append(lines, fmt.Sprintf("    %-16s %.2f runs per request, %v each", name,
			float64(now.runs-was.runs)/r.requests, (now.time-was.time)/time.Duration(now.runs-was.runs)))
	}
	stop()
	fmt.Printf("  BPF time per request %v (with kernel.bpf_stats_enabled, which adds to it)\n", per(sum, r.requests))
	slices.Sort(lines)
	fmt.Println(strings.Join(lines, "\n"))
	fmt.Printf("  BPF maps %.1f MiB, collector RSS %.1f MiB\n", c.kernelMemory()/(1<<20), c.rss()/(1<<20))
}

func median(runs []run, of func(run) float64) float64 {
	var v []float64
	for _, r := range runs {
		v = append(v, of(r))
	}
	return middle(v)
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func write(path, text string) string {
	check(os.MkdirAll(filepath.Dir(path), 0o755))
	check(os.WriteFile(path, []byte(text), 0o644))
	return path
}
