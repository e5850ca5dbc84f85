package programs

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
)

// A Job is one request and the way it is made.
type Job struct {
	Path  string // with the query
	Host  string // an address, or a name to look up
	Libc  bool   // looked up by the C library: a Libc client does the job
	Port  int
	Keep  string        // name of a connection to use again; empty: a fresh one
	Body  int           // bytes to send
	Piece int           // of the request that are sent at a time; 0: all
	Pause time.Duration // before each piece but the first
	Late  time.Duration // how long the response waits in the socket
	Room  int           // size of the receive buffer; 0: the system's

	Patience time.Duration // after which the client closes the connection; 0: none
}

// client does the jobs it reads, all at once but for those that share a
// connection, and prints a Sent for each. Its argument, if any, is a
// resolv.conf to use in place of the system's; it must have its own mounts.
func client(args []string) error {
	if len(args) > 0 {
		if err := unix.Mount(args[0], "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting resolv.conf: %w", err)
		}
	}
	c := connections{kept: map[string]*stream{}}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var j Job
		if err := json.Unmarshal(in.Bytes(), &j); err != nil {
			return err
		}
		go func() { tell(c.do(j)) }()
	}
	return in.Err()
}

// connections are those that are used again.
type connections struct {
	mu   sync.Mutex
	kept map[string]*stream
}

func (c *connections) get(name string) *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept[name]
}

func (c *connections) put(name string, s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == "" || s.broken {
		_ = s.Close()
		delete(c.kept, name)
		return
	}
	c.kept[name] = s
}

func (c *connections) do(j Job) (sent Sent) {
	sent.Path, _, _ = strings.Cut(j.Path, "?")
	s := c.get(j.Keep)
	if s == nil {
		var err error
		if s, err = j.connect(&sent); err != nil {
			sent.Err = err.Error()
			return sent
		}
	}
	sent.Local, sent.Remote = s.LocalAddr().String(), s.RemoteAddr().String()
	if err := j.exchange(s, &sent); err != nil {
		s.broken, sent.Err = true, err.Error()
	}
	sent.End = emulator.Now()
	c.put(j.Keep, s)
	return sent
}

// connect looks the host up and connects to it.
func (j *Job) connect(sent *Sent) (*stream, error) {
	addr, err := j.lookup(sent)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 20 * time.Second, Control: j.control}
	sent.Connect[0] = emulator.Now()
	conn, err := dialer.Dial("tcp", net.JoinHostPort(addr, strconv.Itoa(j.Port)))
	sent.Connect[1] = emulator.Now()
	if err != nil {
		return nil, err
	}
	return newStream(conn), nil
}

func (j *Job) lookup(sent *Sent) (string, error) {
	if net.ParseIP(j.Host) != nil {
		return j.Host, nil
	}
	sent.Lookup[0] = emulator.Now()
	addrs, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", j.Host)
	sent.Lookup[1] = emulator.Now()
	if err != nil {
		return "", err
	}
	return addrs[0].Unmap().String(), nil
}

// Libc is the environment of a client that looks names up by the C library.
const Libc = "GODEBUG=netdns=cgo"

// control makes the receive buffer small before the window is offered.
func (j *Job) control(_, _ string, raw syscall.RawConn) (err error) {
	if j.Room == 0 {
		return nil
	}
	if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, j.Room) }); e != nil {
		return e
	}
	return err
}

// exchange sends the request and reads the response.
func (j *Job) exchange(s *stream, sent *Sent) (err error) {
	method := "GET"
	if j.Body > 0 {
		method = "POST"
	}
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s:%d\r\n%s%s", method, j.Path, j.Host, j.Port, lengthOf(j.Body), body(j.Body))
	if sent.Request, err = s.send(pace{j.Piece, j.Pause}, []byte(text)); err != nil {
		return err
	}
	if j.Patience > 0 {
		_ = s.SetReadDeadline(time.Now().Add(j.Patience))
	}
	if err := s.await(); err != nil {
		return err
	}
	time.Sleep(j.Late)
	var h head
	if h, sent.Response, err = s.receive(); err != nil {
		return err
	}
	_, err = fmt.Sscanf(h.line, "HTTP/1.1 %d", &sent.Status)
	return err
}
