//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The server and who loads it have a processor each; the collector runs on any. Where
// the scheduler places them, it puts both on one as soon as they sleep, or on two:
// bare throughput then is one of two numbers, and what is measured is which.
const serverCPU, clientCPU = "0", "1"

// pinned is a command that stays on a processor.
func pinned(cpu, name string, args ...string) *exec.Cmd {
	return exec.Command("taskset", append([]string{"-c", cpu, name}, args...)...)
}

// nginx is a server of our own: one worker, a tiny answer.
type nginx struct {
	cmd     *exec.Cmd
	port    int
	tlsPort int
	status  string
}

func startNginx(dir string) *nginx {
	n := &nginx{port: freePort(), tlsPort: freePort()}
	cert, key := certificate(dir)
	statusPort := freePort()
	n.status = fmt.Sprintf("http://127.0.0.1:%d/status", statusPort)
	conf := write(filepath.Join(dir, "nginx.conf"), fmt.Sprintf(`
worker_processes 1; daemon off; pid %[1]s/nginx.pid; error_log %[1]s/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen 127.0.0.1:%[2]d; location / { return 200 "hello\n"; } }
  server { listen 127.0.0.1:%[4]d ssl; ssl_certificate %[5]s; ssl_certificate_key %[6]s; location / { return 200 "hello\n"; } }
  server { listen 127.0.0.1:%[3]d; location /status { stub_status; } }
}`, dir, n.port, statusPort, n.tlsPort, cert, key))
	n.cmd = pinned(serverCPU, "nginx", "-p", dir, "-c", conf)
	n.cmd.Stderr = os.Stderr
	check(n.cmd.Start())
	for range 100 {
		if _, err := http.Get(n.status); err == nil {
			return n
		}
		time.Sleep(50 * time.Millisecond)
	}
	check(fmt.Errorf("nginx does not answer"))
	return nil
}

func (n *nginx) stop() {
	_ = n.cmd.Process.Signal(os.Interrupt)
	_ = n.cmd.Wait()
}

// requests is nginx's own count: the third number of the line after "server accepts".
func (n *nginx) requests() float64 {
	body := get(n.status)
	_, after, _ := strings.Cut(body, "requests\n")
	f := strings.Fields(after)
	v, err := strconv.ParseFloat(f[2], 64)
	check(err)
	return v
}

// cpu is what the master and the worker have used.
func (n *nginx) cpu() time.Duration {
	sum := processCPU(n.cmd.Process.Pid)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", n.cmd.Process.Pid, n.cmd.Process.Pid))
	check(err)
	for _, f := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(f)
		check(err)
		sum += processCPU(pid)
	}
	return sum
}

// collector is the collector under test.
type collector struct {
	cmd     *exec.Cmd
	metrics string
}

// startCollector starts it with these keys beside the targets.
func startCollector(b *bench, keys string) *collector {
	if keys != "" {
		keys = ", " + keys
	}
	return launch(b.dir, b.collector,
		fmt.Sprintf("ebpf: {collection_interval: 1s, targets: {include: [%s]}%s}", b.mode.targets, keys))
}

// launch starts a collector with one receiver, whose first word is its name.
func launch(dir, binary, receiver string) *collector {
	port := freePort()
	name, _, _ := strings.Cut(receiver, ":")
	c := &collector{metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", port)}
	conf := write(filepath.Join(dir, "collector.yaml"), fmt.Sprintf(`
receivers: {%[1]s}
exporters: {file: {path: /dev/null, format: proto}}
service:
  telemetry:
    logs: {level: error}
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[3]d}}}}]}
  pipelines:
    traces: {receivers: [%[2]s], exporters: [file]}
    metrics: {receivers: [%[2]s], exporters: [file]}
`, receiver, name, port))
	c.cmd = exec.Command(binary, "--config", conf)
	c.cmd.Stderr = os.Stderr
	check(c.cmd.Start())
	for range 200 {
		if c.ready(name) {
			time.Sleep(time.Second) // past what starting costs
			return c
		}
		time.Sleep(50 * time.Millisecond)
	}
	check(fmt.Errorf("the collector does not answer"))
	return nil
}

// ready reports whether the receiver has started: it does so after the metrics.
func (c *collector) ready(receiver string) bool {
	resp, err := http.Get(c.metrics)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return receiver != "ebpf" || c.sum("otelcol_ebpf_probe_attached") > 0
}

func (c *collector) stop() {
	_ = c.cmd.Process.Signal(os.Interrupt)
	_ = c.cmd.Wait()
}

func (c *collector) pid() int              { return c.cmd.Process.Pid }
func (c *collector) cpu() time.Duration    { return processCPU(c.pid()) }
func (c *collector) exchanges() float64    { return c.sum("otelcol_ebpf_exchanges") }
func (c *collector) lost() float64         { return c.sum("otelcol_ebpf_lost") }
func (c *collector) kernelMemory() float64 { return c.sum("otelcol_ebpf_kernel_memory") }

func (c *collector) rss() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid()))
	check(err)
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	check(err)
	return kib * 1024
}

// sum adds up a self-metric's points.
func (c *collector) sum(name string) float64 {
	sum := 0.0
	lines := bufio.NewScanner(strings.NewReader(get(c.metrics)))
	for lines.Scan() {
		line := lines.Text()
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || strings.HasPrefix(line, "#") || !strings.ContainsRune("{ _", rune(rest[0])) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		check(err)
		sum += v
	}
	return sum
}

func wrk(url string, connections int, length time.Duration) {
	out, err := pinned(clientCPU, "wrk", "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(length.Seconds())), url).CombinedOutput()
	if err != nil {
		check(fmt.Errorf("wrk: %w: %s", err, out))
	}
}

func get(url string) string {
	resp, err := http.Get(url)
	check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(err)
	return string(body)
}

func freePort() int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// processCPU is user and system time, from /proc/pid/schedstat's on-CPU nanoseconds of all threads.
func processCPU(pid int) time.Duration {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	check(err)
	var sum int64
	for _, t := range tasks {
		text, err := os.ReadFile(t)
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		check(err)
		sum += ns
	}
	return time.Duration(sum)
}
