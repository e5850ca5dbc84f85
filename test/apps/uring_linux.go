package apps

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() { apps["uring"] = uringServer }

// decoy stands in the buffer of another system call while io_uring receives: an
// observer that mistakes one for the other sees this request.
const decoy = "GET /decoy HTTP/1.1\r\nHost: decoy\r\n\r\n"

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nuring\n"

// uringServer accepts connections one after the other and receives and sends on
// them with io_uring only, while it reads from a pipe nobody writes to.
func uringServer(args []string) error {
	runtime.LockOSThread()
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	u, err := newUring()
	if err != nil {
		return err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK); err != nil {
		return err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		f, err := conn.(*net.TCPConn).File()
		if err != nil {
			return err
		}
		if err := u.serve(int(f.Fd()), pipe[0]); err != nil {
			return err
		}
		_, _ = f.Close(), conn.Close()
	}
}

func (u *uring) serve(conn, pipe int) error {
	buf, other := make([]byte, 4096), []byte(decoy)
	for {
		if err := u.submit(opRecv, conn, buf); err != nil {
			return err
		}
		n := u.wait(func() { _, _ = unix.Read(pipe, other) }) // the bytes arrive in the shadow of these calls
		if n <= 0 {
			return nil
		}
		if err := u.submit(opSend, conn, []byte(answer)); err != nil {
			return err
		}
		u.wait(func() { _, _ = unix.Read(pipe, other) })
	}
}

// Operations and offsets: include/uapi/linux/io_uring.h.
const (
	opSend, opRecv = 26, 27

	offSQ, offCQ, offSQEs = 0, 0x8000000, 0x10000000
)

type uringParams struct {
	sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wqFD uint32
	_                                                                  [3]uint32
	sq                                                                 struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

type sqe struct {
	opcode, flags  uint8
	ioprio         uint16
	fd             int32
	off, addr      uint64
	length, opFlag uint32
	userData       uint64
	_              [3]uint64
}

// A uring is a ring of one entry.
type uring struct {
	fd     int
	p      uringParams
	sq, cq []byte
	sqes   []byte
}

func newUring() (*uring, error) {
	u := &uring{}
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&u.p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	u.fd = int(fd)
	var errs [3]error
	u.sq, errs[0] = unix.Mmap(u.fd, offSQ, int(u.p.sq.array+4*u.p.sqEntries), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	u.cq, errs[1] = unix.Mmap(u.fd, offCQ, int(u.p.cq.cqes+16*u.p.cqEntries), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	u.sqes, errs[2] = unix.Mmap(u.fd, offSQEs, int(64*u.p.sqEntries), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return u, errors.Join(errs[:]...)
}

func word(b []byte, at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&b[at])) }

func (u *uring) submit(op uint8, fd int, buf []byte) error {
	*(*sqe)(unsafe.Pointer(&u.sqes[0])) = sqe{
		opcode: op, fd: int32(fd), addr: uint64(uintptr(unsafe.Pointer(&buf[0]))), length: uint32(len(buf)),
	}
	atomic.AddUint32(word(u.sq, u.p.sq.tail), 1)
	if _, _, errno := syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(u.fd), 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("io_uring_enter: %w", errno)
	}
	return nil
}

// wait calls meanwhile until the operation is complete and returns its result.
func (u *uring) wait(meanwhile func()) int32 {
	head, tail := word(u.cq, u.p.cq.head), word(u.cq, u.p.cq.tail)
	for atomic.LoadUint32(tail) == *head {
		meanwhile()
	}
	at := u.p.cq.cqes + 16*(*head&*word(u.cq, u.p.cq.mask))
	result := int32(*word(u.cq, at+8))
	atomic.AddUint32(head, 1)
	return result
}
