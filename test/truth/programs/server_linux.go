package programs

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
)

// The ports of the server, by how it treats what comes there.
const (
	Ready    = 7801 // at once
	Deaf     = 7802 // a request waits in the socket
	Hesitant = 7803 // a connection waits in the accept queue
	Full     = 7804 // the same, and the queue has room for one
	Refused  = 7805 // nobody listens
)

// The time that requests and connections wait where the server is slow.
const (
	Deafness   = 150 * time.Millisecond
	Hesitation = 120 * time.Millisecond
)

// server answers on its ports until its standard input ends, and prints a
// Served for each request. The query of a request says what to do:
//
//	sleep=100   milliseconds between the request and the response
//	bytes=1000  the size of the body
//	reset=1     send half of the answer and reset the connection
func server([]string) error {
	for port, s := range map[int]service{
		Ready:    {backlog: 128},
		Deaf:     {backlog: 128, deaf: Deafness},
		Hesitant: {backlog: 128, hesitant: Hesitation},
		Full:     {backlog: 1, hesitant: Hesitation},
	} {
		if err := s.listen(port); err != nil {
			return fmt.Errorf("listening on %d: %w", port, err)
		}
	}
	fmt.Println("listening")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// A service is how one port behaves.
type service struct {
	backlog        int
	deaf, hesitant time.Duration
	fd             int
}

// listen makes the socket itself: the net package knows no backlog.
func (s service) listen(port int) (err error) {
	if s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := unix.Bind(s.fd, &unix.SockaddrInet4{Port: port}); err != nil {
		return err
	}
	if err := unix.Listen(s.fd, s.backlog); err != nil {
		return err
	}
	go s.accept()
	return nil
}

func (s service) accept() {
	for {
		fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		if n, _ := unix.Poll(fds, -1); n <= 0 {
			continue
		}
		time.Sleep(s.hesitant)
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != nil {
			continue
		}
		at := emulator.Now()
		file := os.NewFile(uintptr(fd), "connection")
		c, err := net.FileConn(file)
		_ = file.Close()
		if err == nil {
			go s.serve(newStream(c), at)
		}
	}
}

// serve answers the requests of a connection.
func (s service) serve(c *stream, accepted time.Duration) {
	defer c.Close()
	for {
		if c.await() != nil {
			return
		}
		time.Sleep(s.deaf)
		h, request, err := c.receive()
		if err != nil {
			return
		}
		served, err := answer(c, h)
		served.Accepted, served.Request = accepted, request
		tell(served)
		if err != nil {
			return
		}
		accepted = 0
	}
}

var errReset = errors.New("reset as asked")

// answer does what the query of a request says.
func answer(c *stream, h head) (served Served, err error) {
	var query string
	served.Path, query, _ = strings.Cut(strings.Fields(h.line)[1], "?")
	wish, _ := url.ParseQuery(query)
	sleep, _ := strconv.Atoi(wish.Get("sleep"))
	size, _ := strconv.Atoi(wish.Get("bytes"))
	time.Sleep(time.Duration(sleep) * time.Millisecond)
	text := []byte("HTTP/1.1 200 OK\r\n" + lengthOf(size) + body(size))
	if wish.Has("reset") {
		served.Response, _ = c.send(pace{}, text[:len(text)/2])
		_ = c.SetLinger(0)
		return served, errReset
	}
	served.Response, err = c.send(pace{}, text)
	return served, err
}
