//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// A server starts on a port of 127.0.0.1; the function it returns ends it and
// gives what it counted: "METHOD path status".
type server func(t testing.TB, port int) (counts func() map[string]int)

var servers = map[string]server{
	"go":     goServerOn,
	"python": func(t testing.TB, port int) func() map[string]int { return scriptServer(t, "server.py", port) },
	"node":   func(t testing.TB, port int) func() map[string]int { return scriptServer(t, "server.js", port) },
	"nginx":  nginx,
}

func goServerOn(t testing.TB, port int) func() map[string]int {
	_, counts := goServer(t, local(port))
	return counts
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func url(port int, path string) string {
	if os.Getenv(apps.EnvCert) != "" {
		return "https://" + local(port) + path
	}
	return "http://" + local(port) + path
}

func scriptServer(t testing.TB, script string, port int) func() map[string]int {
	t.Helper()
	return countingServer(t, apps.Script(script, strconv.Itoa(port)), port)
}

// countingServer starts a server that prints its counts when its input ends.
func countingServer(t testing.TB, cmd *exec.Cmd, port int) func() map[string]int {
	t.Helper()
	p := start(t, cmd)
	waitListen(t, port)
	return func() map[string]int { return p.counts(t) }
}

// counts ends a server and reads what it counted.
func (p *program) counts(t testing.TB) map[string]int {
	t.Helper()
	require.NoError(t, p.in.Close())
	counts := make(map[string]int)
	require.NoError(t, json.NewDecoder(p.out).Decode(&counts))
	return counts
}

// nginx counts in its access log.
func nginx(t testing.TB, port int) func() map[string]int { return nginxThat(t, port, "") }

// nginxThat listens with an option more, such as "http2".
func nginxThat(t testing.TB, port int, option string) func() map[string]int {
	t.Helper()
	dir := nginxDir(t, port, option)
	cmd := exec.Command("nginx", "-p", dir, "-c", "nginx.conf")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers too
	var errors bytes.Buffer
	cmd.Stderr = &errors
	require.NoError(t, cmd.Start())
	quit := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		force := time.AfterFunc(5*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait()
		force.Stop()
	})
	t.Cleanup(quit)
	waitListen(t, port)
	return func() map[string]int {
		quit()
		text, err := os.ReadFile(filepath.Join(dir, "access.log"))
		require.NoError(t, err, errors.String())
		counts := make(map[string]int)
		for line := range strings.Lines(string(text)) {
			counts[strings.TrimSpace(line)]++
		}
		return counts
	}
}

// What nginx has to send: the sizes of /static/large and /files/megabytes.
const (
	largeFile = 1 << 20
	nginxFile = 4 << 20
)

func nginxDir(t testing.TB, port int, option string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nginx")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Mkdir(filepath.Join(dir, "static"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "static", "large"), make([]byte, largeFile), 0o600))
	var locations strings.Builder
	for _, status := range []int{200, 201, 404, 500, 503} {
		fmt.Fprintf(&locations, "location /s/%d/ { return %d \"status %d\"; }\n", status, status, status)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "megabytes"), make([]byte, nginxFile), 0o600))
	config := fmt.Sprintf(`
daemon off;
user root;
worker_processes 2;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 512; }
http {
	log_format counted "$request_method $uri $status";
	access_log access.log counted;
	keepalive_requests 100000;
	sendfile on;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	server {
		listen 127.0.0.1:%d backlog=256 %s%s
		root %s;
		location /s/204/ { return 204; }
		location /s/301/ { return 301 /elsewhere; }
		location /files/ { alias %s/; }
		%s
	}
}
`, port, option, nginxTLS(), dir, dir, locations.String())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600))
	return dir
}

// nginxTLS is what makes nginx speak TLS, if the environment says so: the rest of
// a listen directive, and others.
func nginxTLS() string {
	cert := os.Getenv(apps.EnvCert)
	if cert == "" {
		return ";"
	}
	return fmt.Sprintf(" ssl; ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv%s;",
		cert, os.Getenv(apps.EnvKey), os.Getenv(apps.EnvVersion))
}

// A load is what a client is to send.
type load struct {
	port       int
	concurrent int
	fresh      bool // a connection for each request
	prefix     string
	n          int
}

// A client sends a load and returns what it saw.
type client func(t testing.TB, l load) []apps.Result

var clients = map[string]client{
	"go":     func(t testing.TB, l load) []apps.Result { return l.withGo(t) },
	"python": func(t testing.TB, l load) []apps.Result { return l.withScript(t, "client.py") },
	"node":   func(t testing.TB, l load) []apps.Result { return l.withScript(t, "client.js") },
	"curl":   func(t testing.TB, l load) []apps.Result { return l.withCurl(t) },
}

func (l load) withGo(t testing.TB) []apps.Result {
	args := []string{"-url", url(l.port, ""), "-n", strconv.Itoa(l.n), "-c", strconv.Itoa(l.concurrent), "-prefix", l.prefix}
	if l.fresh {
		args = append(args, "-fresh")
	}
	return goClient(t, args...)
}

func (l load) withScript(t testing.TB, script string) []apps.Result {
	t.Helper()
	return l.with(t, apps.Script(script, l.args()...))
}

// args are those of a client's command.
func (l load) args() []string {
	return []string{strconv.Itoa(l.port), strconv.Itoa(l.concurrent), strconv.FormatBool(l.fresh)}
}

// with gives a command the paths, and takes its results.
func (l load) with(t testing.TB, cmd *exec.Cmd) []apps.Result {
	t.Helper()
	paths, err := json.Marshal(apps.Paths(l.prefix, l.n))
	require.NoError(t, err)
	cmd.Stdin = bytes.NewReader(paths)
	out, err := cmd.Output()
	require.NoError(t, err)
	var results []apps.Result
	require.NoError(t, json.Unmarshal(out, &results))
	return results
}

// withCurl gives each of its processes an equal part on one connection, or one
// request.
func (l load) withCurl(t testing.TB) []apps.Result {
	t.Helper()
	paths := apps.Paths(l.prefix, l.n)
	each := (l.n + l.concurrent - 1) / l.concurrent
	if l.fresh {
		each = 1
	}
	var mu sync.Mutex
	var results []apps.Result
	turn := make(chan struct{}, l.concurrent)
	var wg sync.WaitGroup
	for from := 0; from < len(paths); from += each {
		turn <- struct{}{}
		wg.Go(func() {
			mine := l.curl(t, paths[from:min(from+each, len(paths))])
			mu.Lock()
			results = append(results, mine...)
			mu.Unlock()
			<-turn
		})
	}
	wg.Wait()
	return results
}

func (l load) curl(t testing.TB, paths []string) (results []apps.Result) {
	args := []string{"-sS", "-w", "%{http_code}\n"}
	if cert := os.Getenv(apps.EnvCert); cert != "" {
		args = append(args, "--cacert", cert)
	}
	for _, p := range paths {
		args = append(args, "-o", "/dev/null", url(l.port, p))
	}
	out, err := curlCommand(args...).Output()
	if err != nil {
		t.Errorf("curl: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for _, p := range paths {
		lines.Scan()
		status, _ := strconv.Atoi(lines.Text())
		results = append(results, apps.Result{Path: p, Status: status})
	}
	return results
}

// curlCommand is a curl that knows no proxy and no configuration but args.
func curlCommand(args ...string) *exec.Cmd {
	cmd := exec.Command("curl", append([]string{"-q"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stderr = os.Stderr
	return cmd
}

// A reply is what curl tells of one request.
type reply struct{ Status, Received, Sent int }

// curl sends one request and returns what curl saw.
func curl(t testing.TB, args ...string) reply {
	t.Helper()
	r, err := tryCurl(t, args...)
	require.NoError(t, err)
	return r
}

// tryCurl is curl that may fail.
func tryCurl(t testing.TB, args ...string) (r reply, err error) {
	t.Helper()
	if cert := os.Getenv(apps.EnvCert); cert != "" {
		args = append(args, "--cacert", cert)
	}
	out, err := curlCommand(append([]string{"-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{size_upload}"}, args...)...).Output()
	_, scanned := fmt.Sscan(string(out), &r.Status, &r.Received, &r.Sent)
	require.NoError(t, scanned, "what curl writes: %v", err)
	return r, err
}

// An end is one end of a connection of which a test says every word.
type end struct{ *program }

// dial opens a connection from a process of its own.
func dial(t testing.TB, addr string) end {
	t.Helper()
	e := end{start(t, apps.Command("talk", "dial", addr))}
	require.Equal(t, "connected", e.line(t))
	return e
}

// listen accepts one connection in a process of its own.
func listen(t testing.TB, addr string) end {
	t.Helper()
	e := end{start(t, apps.Command("talk", "listen", addr))}
	e.line(t)
	return e
}

func (e end) do(t testing.TB, o apps.Order) apps.Report {
	t.Helper()
	require.NoError(t, json.NewEncoder(e.in).Encode(o))
	var r apps.Report
	require.NoError(t, json.Unmarshal([]byte(e.line(t)), &r))
	require.Empty(t, r.Err, "%+v", o)
	return r
}

func (e end) write(t testing.TB, text string) {
	t.Helper()
	e.do(t, apps.Order{Do: "write", Text: text})
}

// expect reads text.
func (e end) expect(t testing.TB, text string) {
	t.Helper()
	require.Equal(t, text, e.do(t, apps.Order{Do: "read", N: len(text)}).Text)
}

func (e end) responses(t testing.TB, n int) []int {
	t.Helper()
	return e.do(t, apps.Order{Do: "responses", N: n}).Statuses
}

// sent reports whether a path is one of the load's: "/s/200/{prefix}7".
func (l load) sent(path string) bool {
	parts := strings.SplitN(path, "/", 4)
	return len(parts) == 4 && strings.HasPrefix(parts[3], l.prefix)
}
