package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// rest is for how long nothing is asked after a failure, so that what is broken
// costs its time now and then, and not at every connection.
const rest = time.Second

// A Table is the connection tracking of one network namespace. It may be used
// concurrently.
type Table struct {
	netns uint32 // inode

	mu     sync.Mutex
	socket *socket
	tired  time.Time // until when nothing is asked
}

// Open opens the connection tracking of the network namespace of the calling
// thread, and asks it something: so that what is missing is known now.
func Open() (*Table, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	netns, err := threadNetNS()
	if err != nil {
		return nil, err
	}
	s, err := openSocket()
	if err != nil {
		return nil, explain(err)
	}
	nobody := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if _, err := s.ask(tuple{nobody, nobody}); err != nil {
		_ = s.close() // the first error says more
		return nil, explain(err)
	}
	return &Table{netns: netns, socket: s}, nil
}

func threadNetNS() (uint32, error) {
	var s unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &s); err != nil {
		return 0, fmt.Errorf("finding the network namespace: %w", err)
	}
	return uint32(s.Ino), nil
}

// explain says what is missing, where the kernel's error alone does not.
func explain(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("asking the connection tracking needs CAP_NET_ADMIN: %w", err)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("the kernel's connection tracking cannot be asked, nf_conntrack_netlink is missing: %w", err)
	}
	return fmt.Errorf("asking the connection tracking: %w", err)
}

var (
	errClosed  = errors.New("the connection tracking is closed")
	errTired   = errors.New("the connection tracking failed a moment ago")
	errAnother = errors.New("the connection tracking answered with another connection")
)

// Close ends the use of the table.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.socket == nil {
		return errClosed
	}
	err := t.socket.close()
	t.socket = nil
	return err
}

// Translated returns a TCP connection's addresses beyond a translation, nothing
// when there is none. netns is the inode of the socket's network namespace. It
// returns within a few milliseconds.
func (t *Table) Translated(netns uint32, local, remote netip.AddrPort) (Translation, error) {
	sent := tuple{unmapped(local), unmapped(remote)}
	if !t.mayKnow(netns, sent) {
		return Translation{}, nil
	}
	e, err := t.look(sent)
	if e == nil || err != nil {
		return Translation{}, err
	}
	found, ok := e.beyond(sent)
	if !ok {
		return Translation{}, errAnother
	}
	return found, nil
}

// mayKnow reports whether the packets of a socket may pass this namespace. Those
// of a loopback address never leave their own, and another's may look the same.
func (t *Table) mayKnow(netns uint32, sent tuple) bool {
	from, to := sent.from.Addr(), sent.to.Addr()
	if !from.IsValid() || from.Is4() != to.Is4() {
		return false
	}
	return netns == t.netns || !from.IsLoopback() && !to.IsLoopback()
}

// look asks unless that failed a moment ago.
func (t *Table) look(sent tuple) (*entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.socket == nil {
		return nil, errClosed
	}
	if time.Now().Before(t.tired) {
		return nil, errTired
	}
	e, err := t.socket.ask(sent)
	if err != nil {
		t.tired = time.Now().Add(rest)
	}
	return e, err
}
