package process

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fake writes files of one process below a root and returns the root.
func fake(t *testing.T, pid string, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, pid)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		var err error
		if name == "exe" {
			err = os.Symlink(text, filepath.Join(dir, name))
		} else {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// statLine is a line of stat with the fields that are read.
func statLine(comm, state string) string {
	return "42 (" + comm + ") " + state + " 7 1 1 0 -1 4194304 " + strings.Repeat("0 ", 12) + "12345 0 0\n"
}

func TestRead(t *testing.T) {
	root := fake(t, "42", map[string]string{
		"stat":    statLine("a) b (c", "S"),
		"exe":     "/usr/bin/shop (deleted)",
		"cmdline": "shop: worker\x00--password=x\x00",
		"cgroup":  "1:name=systemd:/a/very/long/path/of/v1\n0::/system.slice/shop.service\n",
		"environ": "HOME=/\x00OTEL_SERVICE_NAME=shop\x00SECRET=x\x00OTEL_RESOURCE_ATTRIBUTES=a=b,c=d\x00",
	})
	got, ok := read(root, 42)
	want := Info{
		ID: ID{PID: 42, Start: 123450 * time.Millisecond}, Parent: 7, Comm: "a) b (c",
		Exe: "/usr/bin/shop", Command: "shop: worker", Cgroup: "/system.slice/shop.service",
		ServiceName: "shop", ResourceAttributes: "a=b,c=d",
	}
	if !ok || *got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestReadOnlyWhatMayBeRead(t *testing.T) {
	root := fake(t, "42", map[string]string{"stat": statLine("shop", "R"), "cmdline": strings.Repeat("x", 500)})
	got, ok := read(root, 42)
	if !ok || got.Comm != "shop" || got.Exe != "" || got.Cgroup != "" || got.ServiceName != "" {
		t.Errorf("got %+v", got)
	}
	if len(got.Command) != maxCommand-1 {
		t.Errorf("%d bytes of the command", len(got.Command))
	}
}

func TestReadCgroupV1(t *testing.T) {
	root := fake(t, "42", map[string]string{"cgroup": "2:cpu:/docker/x\n0::/\n"})
	if got := readCgroup(filepath.Join(root, "42")); got != "/docker/x" {
		t.Errorf("%q", got)
	}
}

func TestReadNothing(t *testing.T) {
	for _, text := range []string{
		"", "42 (shop", "42 )shop( S", "42 (shop) S 7", statLine("shop", "Z"), statLine("shop", "X"),
		strings.ReplaceAll(statLine("shop", "S"), "12345", "soon"),
	} {
		if got, ok := read(fake(t, "42", map[string]string{"stat": text}), 42); ok {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if _, ok := read(t.TempDir(), 42); ok {
		t.Error("a process without a directory")
	}
}

func TestLives(t *testing.T) {
	root := fake(t, "42", map[string]string{"stat": statLine("shop", "S")})
	start := 123450 * time.Millisecond
	for id, want := range map[ID]bool{
		{PID: 42, Start: start}:                       true,
		{PID: 42, Start: start + 9_999_999}:           true, // the kernel side is more exact
		{PID: 42, Start: start + 10*time.Millisecond}: false,
		{PID: 42}:               false,
		{PID: 43, Start: start}: false,
	} {
		if lives(root, id) != want {
			t.Errorf("%+v lives: want %t", id, want)
		}
	}
}

func TestReadThisProcess(t *testing.T) {
	pid := uint32(os.Getpid())
	p, ok := Read(pid)
	if runtime.GOOS != "linux" {
		if ok {
			t.Errorf("%+v without /proc", p)
		}
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if !ok || p.Exe != exe || p.Command != os.Args[0] && len(os.Args[0]) < maxCommand || p.Parent != uint32(os.Getppid()) || !Lives(p.ID) {
		t.Errorf("%+v", p)
	}
}
