// Command init is the first and only service of the guest: it mounts what the
// tests need, brings the loopback interface up, runs /test with the arguments in
// /args, one a line, says on the console how that ended, and powers off.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

var mounts = []struct{ kind, at string }{
	{"proc", "/proc"},
	{"sysfs", "/sys"},
	{"devtmpfs", "/dev"},
	{"tmpfs", "/tmp"},
	{"tmpfs", "/run"},
	{"bpf", "/sys/fs/bpf"},
	{"tracefs", "/sys/kernel/tracing"},
	{"cgroup2", "/sys/fs/cgroup"},
	{"debugfs", "/sys/kernel/debug"},
}

// scheduling keeps the guest from switching tasks amid a program. From Linux 7 on
// that can happen to tracepoints, and a program that is interrupted so is left
// out for the other tasks of its CPU; emulation makes it a hundred times longer,
// and a frequent event of a rare one.
var scheduling = map[string]string{
	"/sys/kernel/debug/sched/features":      "NO_WAKEUP_PREEMPTION",
	"/sys/kernel/debug/sched/base_slice_ns": "1000000000",
}

func main() {
	code, err := run()
	if err != nil {
		fmt.Println("init:", err)
	}
	fmt.Printf("\nKTEST-EXIT code=%d\n", code)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() (code int, err error) {
	for _, m := range mounts {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return 1, err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return 1, fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	if err := loopbackUp(); err != nil {
		return 1, fmt.Errorf("bringing lo up: %w", err)
	}
	for file, value := range scheduling {
		if _, err := os.Stat(file); err != nil {
			continue // an older kernel
		}
		if err := os.WriteFile(file, []byte(value), 0); err != nil {
			fmt.Println("init:", err)
		}
	}
	args, err := os.ReadFile("/args")
	if err != nil {
		return 1, err
	}
	test := exec.Command("/test", strings.Split(strings.TrimSpace(string(args)), "\n")...)
	test.Env = []string{"PATH=/", "HOME=/tmp", "TMPDIR=/tmp"}
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	var exit *exec.ExitError
	if err := test.Run(); err != nil && !errors.As(err, &exit) {
		return 1, err
	}
	return test.ProcessState.ExitCode(), nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var request struct { // struct ifreq
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], "lo")
	request.flags = unix.IFF_UP
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}
