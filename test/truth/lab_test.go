//go:build linux

package truth

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/test/apps"
	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
	"github.com/edf076de/ebpfreceiver/test/truth/netns"
	"github.com/edf076de/ebpfreceiver/test/truth/programs"
)

func TestMain(m *testing.M) {
	programs.Register()
	apps.Main()
	// The emulator must not wait for a processor that the receiver has.
	runtime.GOMAXPROCS(runtime.NumCPU() + 4)
	os.Exit(m.Run())
}

// The addresses: every cause has one of the server's and, behind a router, one
// that the server believes to be the client's. They are of the range that RFC
// 2544 keeps for such tests.
const (
	clientAddr   = "198.18.1.1"
	serverPrefix = "198.18.2."
	namesAddr    = "198.18.2.253"
	outsideNet   = "198.18.3."
	natClientNet = "198.18.4."
)

// A lab is a client and a server, each in its own network namespace, and the
// network between them.
type lab struct {
	net    *emulator.Emulator
	spaces [2]*netns.Namespace // by direction of what they send
	client *worker
	libc   *worker // a client that looks names up by the C library
	server *worker

	mu     sync.Mutex
	sent   map[string]chan programs.Sent
	served map[string]programs.Served
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{sent: map[string]chan programs.Sent{}, served: map[string]programs.Served{}}
	var devices [2]int
	for d, args := range [2][]string{
		emulator.Up:   {clientAddr},
		emulator.Down: {serverPrefix + "1"},
	} {
		l.spaces[d], devices[d] = space(t, args[0])
	}
	// All addresses of the network are the server's.
	require.NoError(t, l.spaces[emulator.Down].Run("ip", "route", "add", "local", serverPrefix+"0/24", "dev", "lo"))
	var err error
	l.net, err = emulator.New(devices[emulator.Up], devices[emulator.Down])
	require.NoError(t, err)
	t.Cleanup(l.net.Close)
	l.startPrograms(t)
	return l
}

// space makes a namespace with a device that leads everywhere.
func space(t *testing.T, addr string) (*netns.Namespace, int) {
	t.Helper()
	n, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	var fd int
	require.NoError(t, n.Do(func() (err error) { fd, err = emulator.Open("truth"); return err }))
	t.Cleanup(func() { _ = unix.Close(fd) })
	for _, c := range []string{
		"ip addr add " + addr + "/32 dev truth",
		// The queue holds what comes while the emulator waits for a processor.
		"ip link set truth up txqueuelen 10000",
		"ip route add default dev truth src " + addr,
	} {
		require.NoError(t, n.Run(strings.Fields(c)...))
	}
	// The kernel keeps what it learnt of an address for the next connection to
	// it; then one request would be the cause of another's trouble.
	require.NoError(t, n.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/tcp_no_metrics_save", []byte("1"), 0o644)
	}))
	return n, fd
}

func (l *lab) startPrograms(t *testing.T) {
	t.Helper()
	l.server = l.launch(t, emulator.Down, apps.Command("truth-server"))
	l.server.awaitLine(t)
	go each(l.server, l.keep)
	l.launch(t, emulator.Down, apps.Command("truth-names", namesAddr+":53")).awaitLine(t)
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(resolv, []byte("nameserver "+namesAddr+"\noptions timeout:1 attempts:3\n"), 0o644))
	l.client = l.startClient(t, resolv)
	l.libc = l.startClient(t, resolv, programs.Libc)
}

func (l *lab) startClient(t *testing.T, resolv string, env ...string) *worker {
	t.Helper()
	cmd := apps.Command("truth-client", resolv)
	cmd.Env = append(cmd.Env, env...)
	w := l.launch(t, emulator.Up, cmd)
	go each(w, l.answer)
	return w
}

func (l *lab) keep(s programs.Served) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.served[s.Path] = s
}

func (l *lab) answer(s programs.Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[s.Path] <- s
}

// do has the client do a job, and returns what it did.
func (l *lab) do(t testing.TB, j programs.Job) programs.Sent {
	t.Helper()
	path, _, _ := strings.Cut(j.Path, "?")
	done := make(chan programs.Sent, 1)
	l.mu.Lock()
	l.sent[path] = done
	l.mu.Unlock()
	line, err := json.Marshal(j)
	require.NoError(t, err)
	l.clientFor(j).write(t, line)
	select {
	case s := <-done:
		return s
	case <-time.After(60 * time.Second):
		require.FailNow(t, "no answer from the client", "%s", j.Path)
		panic("not reached")
	}
}

func (l *lab) clientFor(j programs.Job) *worker {
	if j.Libc {
		return l.libc
	}
	return l.client
}

// answered returns what the server did for a path. The client may know of the
// answer before the server has said so.
func (l *lab) answered(path string) (programs.Served, bool) {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(ms) {
		l.mu.Lock()
		s, ok := l.served[path]
		l.mu.Unlock()
		if ok || time.Now().After(deadline) {
			return s, ok
		}
	}
}

// A worker is a program of the lab that takes and gives lines.
type worker struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

// launch starts a program in a namespace, with mounts of its own. It ends with
// the test, or when this process ends, because its input does.
func (l *lab) launch(t *testing.T, d emulator.Direction, cmd *exec.Cmd) *worker {
	t.Helper()
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	require.NoError(t, l.spaces[d].Do(cmd.Start))
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &worker{in: in, out: bufio.NewReader(out)}
}

func (w *worker) write(t testing.TB, line []byte) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.in.Write(append(line, '\n'))
	require.NoError(t, err)
}

func (w *worker) awaitLine(t *testing.T) {
	t.Helper()
	_, err := w.out.ReadString('\n')
	require.NoError(t, err)
}

// each calls f with each value the program prints.
func each[T any](w *worker, f func(T)) {
	lines := json.NewDecoder(w.out)
	for {
		var v T
		if lines.Decode(&v) != nil {
			return
		}
		f(v)
	}
}

// at returns the n-th address of a network.
func at(network string, n int) netip.Addr { return netip.MustParseAddr(fmt.Sprint(network, n)) }
