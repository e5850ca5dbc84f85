package apps

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() { Register("sockets", sockets) }

// sockets does to TCP what package net does not let one do, as the lines of its
// input say, and answers each with a line:
//
//	up                 brings up the loopback device of its network namespace
//	listen backlog     listens on 127.0.0.1, never accepts, and answers the port
//	connect port       connects and answers "connected" or the error
//	impatient port n   the same, but gives up after n SYNs
//	begin port         begins to connect, and closes
//	fill port          connects and writes until there is no room
//	reset port         connects, and closes with a reset
//	again port         connects one socket, disconnects it and connects it again
func sockets([]string) error {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := strings.Fields(in.Text())
		numbers := make([]int, 2)
		for i, w := range words[1:] {
			numbers[i], _ = strconv.Atoi(w)
		}
		answer, err := do(words[0], numbers[0], numbers[1])
		if err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	return nil
}

func do(what string, n, m int) (string, error) {
	switch what {
	case "up":
		return "up", loopbackUp()
	case "listen":
		return listen(n)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	to := &unix.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}}
	switch what {
	case "impatient":
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_SYNCNT, m)
	case "begin":
		err = unix.SetNonblock(fd, true)
	case "reset":
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err != nil {
		return "", err
	}
	err = unix.Connect(fd, to)
	if what == "again" && err == nil {
		err = again(fd, to)
	}
	if what == "fill" && err == nil {
		err = fill(fd)
	}
	if (what == "connect" || what == "fill") && err == nil {
		return "connected", nil // and stays so
	}
	if errors.Is(err, unix.EINPROGRESS) {
		time.Sleep(50 * time.Millisecond)
		err = nil
	}
	return "closed", errors.Join(err, unix.Close(fd))
}

func listen(backlog int) (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(addr.(*unix.SockaddrInet4).Port), unix.Listen(fd, backlog)
}

func fill(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	for {
		if _, err := unix.Write(fd, make([]byte, 64<<10)); errors.Is(err, unix.EAGAIN) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// again disconnects a socket, by connecting it to nobody, and connects it anew.
func again(fd int, to unix.Sockaddr) error {
	if _, err := unix.Write(fd, make([]byte, 1000)); err != nil {
		return err
	}
	unspec := [16]byte{}
	if _, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptrOf(&unspec), 16); e != 0 {
		return e
	}
	if err := unix.Connect(fd, to); err != nil {
		return err
	}
	_, err := unix.Write(fd, make([]byte, 100))
	return err
}

func uintptrOf(b *[16]byte) uintptr { return uintptr(unsafe.Pointer(b)) }

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}
