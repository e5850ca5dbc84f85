//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// targets is a configuration with one include and perhaps an exclude, in YAML.
func targets(include, exclude string) string {
	return fmt.Sprintf("{collection_interval: 1s, targets: {include: [{%s}], exclude: [%s]}}", include, exclude)
}

// requireOnly checks that these client and server spans came and no others.
func requireOnly(t *testing.T, o *observer, clients, servers []string) {
	t.Helper()
	want := func(paths []string) map[string]int {
		counts := make(map[string]int)
		for _, p := range paths {
			counts["GET "+p+" 200"]++
		}
		return counts
	}
	spans := o.settle(len(clients) + len(servers))
	require.Equal(t, want(clients), tally(spans, ptrace.SpanKindClient), "client spans")
	require.Equal(t, want(servers), tally(spans, ptrace.SpanKindServer), "server spans")
	require.Empty(t, o.lost(t))
}

func TestTargetExecutable(t *testing.T) {
	port := freePort(t)
	goServerOn(t, port)
	o := observe(t, targets(fmt.Sprintf(`ports: [%d], executables: ["*/curl"]`, port), ""))
	goClient(t, "-url", url(port, ""), "-path", "/s/200/go", "-n", "20")
	curl(t, url(port, "/s/200/curl"))
	requireOnly(t, o, []string{"/s/200/curl"}, nil)
}

// TestTargetNone asks that not a byte is copied of what is no target.
func TestTargetNone(t *testing.T) {
	port := freePort(t)
	goServerOn(t, port)
	o := observe(t, targets(fmt.Sprintf(`ports: [%d], executables: ["/no/such/*"]`, port), ""))
	goClient(t, "-url", url(port, ""), "-n", "200", "-c", "4")
	curl(t, url(port, "/s/200/curl"))
	requireOnly(t, o, nil, nil)
	require.Zero(t, o.records(t))
}

func TestTargetPortRange(t *testing.T) {
	first, other := freePort(t), 0
	for other < first+10 {
		other = freePort(t)
		if other < first {
			first, other = other, first
		}
	}
	goServerOn(t, first)
	goServerOn(t, other)
	o := observe(t, targets(fmt.Sprintf(`ports: ["%d-%d"]`, first-3, first+3), ""))
	curl(t, url(first, "/s/200/in"))
	curl(t, url(other, "/s/200/out"))
	requireOnly(t, o, []string{"/s/200/in"}, []string{"/s/200/in"})
}

func TestTargetExclude(t *testing.T) {
	port := freePort(t)
	goServerOn(t, port)
	o := observe(t, targets(fmt.Sprintf("ports: [%d]", port), `{executables: ["*/curl"]}`))
	curl(t, url(port, "/s/200/curl"))
	goClient(t, "-url", url(port, ""), "-path", "/s/200/go")
	requireOnly(t, o, []string{"/s/200/go"}, []string{"/s/200/curl", "/s/200/go"})
}

// A shell runs curl with every line it is given as its argument.
type shell struct{ *program }

func startShell(t testing.TB, attr *syscall.SysProcAttr) shell {
	t.Helper()
	cmd := exec.Command("sh", "-c", `while read -r line; do curl -q -s -o /dev/null -w '%{http_code}\n' "$line"; done`)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = attr
	return shell{start(t, cmd)}
}

func (s shell) curl(t testing.TB, url string) {
	t.Helper()
	fmt.Fprintln(s.in, url)
	require.Equal(t, "200", s.line(t))
}

func TestTargetDescendants(t *testing.T) {
	port := freePort(t)
	goServerOn(t, port)
	inside, outside := startShell(t, nil), startShell(t, nil)
	o := observe(t, targets(fmt.Sprintf("ports: [%d], pids: [%d]", port, inside.cmd.Process.Pid), ""))
	outside.curl(t, url(port, "/s/200/outside"))
	inside.curl(t, url(port, "/s/200/inside"))
	inside.curl(t, url(port, "/s/200/again"))
	requireOnly(t, o, []string{"/s/200/inside", "/s/200/again"}, nil)
}

// A server and its client's ports are one matter, the process another.
func TestTargetPID(t *testing.T) {
	port := freePort(t)
	server, _ := goServer(t, local(port))
	o := observe(t, targets(fmt.Sprintf("pids: [%d]", server.cmd.Process.Pid), ""))
	curl(t, url(port, "/s/200/x"))
	requireOnly(t, o, nil, []string{"/s/200/x"})
}

// TestTargetCgroup names two cgroups by one pattern, of which one is made after
// the start.
func TestTargetCgroup(t *testing.T) {
	port := freePort(t)
	goServerOn(t, port)
	name := fmt.Sprintf("ebpf-e2e-%d-%d", os.Getpid(), port)
	before := startShell(t, newCgroup(t, name+"-before"))
	o := observe(t, targets(fmt.Sprintf(`ports: [%d], cgroups: ["/%s*"]`, port, name), ""))
	after := startShell(t, newCgroup(t, name+"-after"))
	other := startShell(t, newCgroup(t, "other-"+name))
	before.curl(t, url(port, "/s/200/before"))
	after.curl(t, url(port, "/s/200/after"))
	other.curl(t, url(port, "/s/200/other"))
	curl(t, url(port, "/s/200/none"))
	requireOnly(t, o, []string{"/s/200/before", "/s/200/after"}, nil)
}

// newCgroup makes a cgroup for the test and returns how a process starts in it.
func newCgroup(t testing.TB, name string) *syscall.SysProcAttr {
	t.Helper()
	dir := filepath.Join(cgroupRoot(t), name)
	require.NoError(t, os.Mkdir(dir, 0o755))
	f, err := os.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = f.Close()
		// Its processes have ended, but the cgroup may hear of it a little later.
		require.Eventually(t, func() bool { return os.Remove(dir) == nil }, 5*time.Second, 10*time.Millisecond)
	})
	return &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
}

// cgroupRoot is where the cgroup v2 hierarchy is mounted.
func cgroupRoot(t testing.TB) string {
	t.Helper()
	f, err := os.Open("/proc/self/mounts")
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if field := strings.Fields(lines.Text()); len(field) > 2 && field[2] == "cgroup2" {
			return field[1]
		}
	}
	require.Fail(t, "no cgroup v2 hierarchy is mounted")
	return ""
}
