//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/exe"
	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// attachments stand for probes: which files have some.
type attachments struct {
	mu       sync.Mutex
	attached map[string]int
	refuse   string // part of a path
}

func (a *attachments) attach(path string, f *os.File, l []exe.Library) (io.Closer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != "" && strings.Contains(path, a.refuse) {
		return nil, errors.New("refused")
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", f.Fd())); err != nil || len(l) == 0 {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a.attached[path]++
	return closing(func() { a.detach(path) }), nil
}

func (a *attachments) detach(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attached[path]--
}

func (a *attachments) count(part string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for path, some := range a.attached {
		if strings.Contains(path, part) {
			n += some
		}
	}
	return n
}

type closing func()

func (c closing) Close() error { c(); return nil }

// watchAll watches all processes but the test itself.
func watchAll(t *testing.T, refuse string) (*probe.Watcher, *attachments) {
	a := &attachments{attached: make(map[string]int), refuse: refuse}
	began := time.Now()
	w := probe.Watch(probe.WatchConfig{Attach: a.attach, Execs: execs(t), Interval: time.Second})
	t.Logf("%d libraries after %v", len(w.Libraries()), time.Since(began))
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w, a
}

// execs is the kernel telling new executables.
func execs(t *testing.T) *probe.Execs {
	spec, err := bpf.LoadProcess()
	require.NoError(t, err)
	require.NoError(t, spec.Variables["watch_execs"].Set(true))
	spec.Programs = map[string]*ebpf.ProgramSpec{"exec_tp": spec.Programs["exec_tp"]}
	collection, err := ebpf.NewCollection(spec)
	require.NoError(t, err)
	t.Cleanup(collection.Close)
	l, err := link.AttachTracing(link.TracingOptions{Program: collection.Programs["exec_tp"]})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	e, err := probe.NewExecs(collection.Maps["execs"])
	require.NoError(t, err)
	return e
}

const soon = 10 * time.Second

// triplet is what Debian calls the machine, in paths.
var triplet = map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]

// TestWatch follows programs that start, load libraries, are replaced and exit.
func TestWatch(t *testing.T) {
	cert, key := certificate(t)
	before := goProgram(t)
	running := start(t, exec.Command(before, cert, key))
	require.Equal(t, "ready", running.line(t))
	w, a := watchAll(t, "refused")
	require.Equal(t, 1, a.count(before), "it was running")
	require.Equal(t, 1, a.count(triplet+"/libssl.so.3"), "whoever comes to use it")

	t.Run("started later", func(t *testing.T) {
		path := goProgram(t, "-ldflags=-s -w")
		first, second := start(t, exec.Command(path, cert, key)), start(t, exec.Command(path, cert, key))
		require.Eventually(t, func() bool { return a.count(path) == 1 }, soon, time.Millisecond)
		kill(t, first)
		require.Never(t, func() bool { return a.count(path) != 1 }, 3*time.Second, 10*time.Millisecond)
		kill(t, second)
		require.Eventually(t, func() bool { return a.count(path) == 0 }, soon, time.Millisecond)
	})
	t.Run("loaded later", func(t *testing.T) {
		copied := filepath.Join(t.TempDir(), "libssl.so.3")
		copyFile(t, "/usr/lib/"+triplet+"/libssl.so.3", copied)
		p := start(t, exec.Command("python3", "-c", "import ctypes,sys;sys.stdin.readline();ctypes.CDLL('"+copied+"');print();sys.stdin.read()"))
		time.Sleep(3 * time.Second) // beyond the second look
		_, err := fmt.Fprintln(p.in)
		require.NoError(t, err)
		p.line(t)
		require.Zero(t, a.count(copied))
		w.Look(uint32(p.cmd.Process.Pid))
		require.Eventually(t, func() bool { return a.count(copied) == 1 }, soon, time.Millisecond)
	})
	t.Run("needed", func(t *testing.T) {
		require.NoError(t, exec.Command("curl", "--version").Run())
		require.Equal(t, 1, a.count(triplet+"/libssl.so.3"), "has been there")
	})
	t.Run("replaced", func(t *testing.T) {
		path := goProgram(t)
		start(t, exec.Command(path, cert, key))
		require.Eventually(t, func() bool { return a.count(path) == 1 }, soon, time.Millisecond)
		copyFile(t, path, path+".new")
		require.NoError(t, os.Rename(path+".new", path))
		start(t, exec.Command(path, cert, key))
		require.Eventually(t, func() bool { return a.count(path) == 2 }, soon, time.Millisecond)
	})
	t.Run("in a root of its own", func(t *testing.T) {
		root := t.TempDir()
		copyFile(t, goProgram(t, "-tags=netgo,osusergo"), root+"/contained")
		copyFile(t, cert, root+"/cert")
		copyFile(t, key, root+"/key")
		cmd := exec.Command("/contained", "/cert", "/key")
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
		cmd.Dir = "/"
		p := start(t, cmd)
		require.Equal(t, "ready", p.line(t))
		require.Eventually(t, func() bool { return a.count("/contained") == 1 }, soon, time.Millisecond)
		require.Never(t, func() bool { return a.count("/contained") != 1 }, 3*time.Second, 10*time.Millisecond)
	})
	t.Run("of one image", func(t *testing.T) {
		image := t.TempDir()
		copyFile(t, goProgram(t, "-tags=netgo,osusergo"), image+"/imaged")
		copyFile(t, cert, image+"/cert")
		copyFile(t, key, image+"/key")
		for range 2 {
			cmd := exec.Command("/imaged", "/cert", "/key")
			cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: overlay(t, image)}
			cmd.Dir = "/"
			require.Equal(t, "ready", start(t, cmd).line(t))
		}
		require.Eventually(t, func() bool { return a.count("/imaged") == 1 }, soon, time.Millisecond)
		require.Never(t, func() bool { return a.count("/imaged") != 1 }, 3*time.Second, 10*time.Millisecond)
	})
	t.Run("refused", func(t *testing.T) {
		path := goProgram(t)
		copyFile(t, path, path+"refused")
		start(t, exec.Command(path+"refused", cert, key))
		failed := func(l probe.Library) bool { return strings.HasSuffix(l.Path, "refused") && l.Err != nil }
		require.Eventually(t, func() bool { return slices.ContainsFunc(w.Libraries(), failed) }, soon, time.Millisecond)
	})
}

// overlay mounts what a container sees of its image.
func overlay(t *testing.T, image string) string {
	d := t.TempDir()
	for _, part := range []string{"/upper", "/work", "/root"} {
		require.NoError(t, os.Mkdir(d+part, 0o755))
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", image, d, d)
	require.NoError(t, syscall.Mount("overlay", d+"/root", "overlay", 0, options))
	t.Cleanup(func() { _ = syscall.Unmount(d+"/root", syscall.MNT_DETACH) })
	return d + "/root"
}

func kill(t *testing.T, p *program) {
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
}

func copyFile(t testing.TB, from, to string) {
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, b, 0o755))
}
