package nat

import (
	"errors"

	"golang.org/x/sys/unix"
)

// A socket asks one question at a time.
type socket struct {
	fd       int
	sequence uint32
	question []byte
	answer   [8 << 10]byte // more than any: the largest part of one is a security label
}

// patience is how long an answer is waited for. The kernel has it ready before
// the system call that asks returns, so there is something to wait for only when
// something is wrong.
var patience = unix.Timeval{Usec: 5000}

func openSocket() (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: fd}
	err = errors.Join(
		s.bound(),
		unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}), // the kernel, and nobody else
	)
	if err != nil {
		_ = s.close() // the first error says more
		return nil, err
	}
	return s, nil
}

// bound bounds how long a question takes.
func (s *socket) bound() error {
	return errors.Join(
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience),
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience),
	)
}

func (s *socket) close() error { return unix.Close(s.fd) }

// ask returns the entry of a connection, nil if there is none.
func (s *socket) ask(q tuple) (*entry, error) {
	s.sequence++
	s.question = encodeQuestion(s.question[:0], s.sequence, q)
	if _, err := retry(func() (int, error) { return unix.Write(s.fd, s.question) }); err != nil {
		return nil, err
	}
	for {
		n, err := retry(func() (int, error) { return unix.Read(s.fd, s.answer[:]) })
		if err != nil {
			return nil, err
		}
		a, err := decodeAnswer(s.answer[:n])
		if err != nil {
			return nil, err
		}
		if a.sequence == s.sequence { // and not one nobody waited for any more
			return a.entry()
		}
	}
}

// entry returns what the kernel knows of the connection, nil if nothing.
func (a *answer) entry() (*entry, error) {
	switch errno := unix.Errno(a.errno); errno {
	case 0:
		return decode(a.body)
	case unix.ENOENT:
		return nil, nil
	default:
		return nil, errno
	}
}

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
