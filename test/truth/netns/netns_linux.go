// Package netns makes network namespaces that have no name: nothing of them is
// left when the process ends, however it ends.
package netns

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// A Namespace is a network namespace of its own.
type Namespace struct{ file *os.File }

// New makes a namespace with nothing but a loopback device, which is up.
func New() (*Namespace, error) {
	n := &Namespace{}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		var err error
		n.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, n.Run("ip", "link", "set", "lo", "up")
}

// Do calls f on a thread that is in the namespace. Processes f starts are in it
// too; so are the sockets and devices it opens, also later.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the network namespace: %w", err)
		}
		return f()
	})
}

// Run runs a command in the namespace.
func (n *Namespace) Run(args ...string) error {
	return n.Do(func() error {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
		return nil
	})
}

// Path names the namespace, also for other processes, until Close.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Close lets go of the namespace. It ends when no process is in it any more.
func (n *Namespace) Close() error { return n.file.Close() }

// onThread calls f on a thread that ends afterwards: it may have changed its
// namespace, and no other goroutine must find itself there.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}
