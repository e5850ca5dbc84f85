package emulator

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Open makes a TUN device in the network namespace of the calling thread. Its
// file descriptor gives and takes IP packets; the device ends with it.
func Open(name string) (fd int, err error) {
	fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("making the device %s: %w", name, err)
	}
	return fd, nil
}
