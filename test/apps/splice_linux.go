package apps

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

func init() { apps["splice"] = spliceClient }

// spliceBody is how many bytes each body has.
const spliceBody = 30_000

// spliceClient posts a body it splices to the connection and gets one it splices from it,
// twice on one connection, then sends a plain request.
func spliceClient(args []string) error {
	runtime.LockOSThread()
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	fd := int(f.Fd()) // blocking from now on
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], 0); err != nil {
		return err
	}
	for range 2 {
		if err := post(fd, pipe); err != nil {
			return fmt.Errorf("splicing to the connection: %w", err)
		}
		if err := get(fd, pipe); err != nil {
			return fmt.Errorf("splicing from the connection: %w", err)
		}
	}
	if _, err := unix.Write(fd, []byte("GET /s/404/last HTTP/1.1\r\nHost: splice\r\n\r\n")); err != nil {
		return err
	}
	_, err = head(fd)
	return err
}

func post(fd int, pipe [2]int) error {
	if _, err := fmt.Fprintf(writer(fd), "POST /s/201/spliced HTTP/1.1\r\nHost: splice\r\nContent-Length: %d\r\n\r\n", spliceBody); err != nil {
		return err
	}
	if _, err := unix.Write(pipe[1], make([]byte, spliceBody)); err != nil {
		return err
	}
	if err := move(pipe[0], fd, spliceBody); err != nil {
		return err
	}
	_, err := head(fd)
	return err
}

func get(fd int, pipe [2]int) error {
	if _, err := fmt.Fprintf(writer(fd), "GET /bytes/%d HTTP/1.1\r\nHost: splice\r\n\r\n", spliceBody); err != nil {
		return err
	}
	early, err := head(fd)
	if err != nil {
		return err
	}
	left := spliceBody - early
	if err := move(fd, pipe[1], left); err != nil {
		return err
	}
	_, err = io.ReadFull(reader(pipe[0]), make([]byte, left))
	return err
}

// head reads the response's head and returns how many bytes came behind it.
func head(fd int) (int, error) {
	buf := make([]byte, 512)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return 0, err
	}
	_, body, ok := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
	if !ok {
		return 0, fmt.Errorf("no head in %q", buf[:n])
	}
	return len(body), nil
}

func move(from, to, n int) error {
	for n > 0 {
		k, err := unix.Splice(from, nil, to, nil, n, 0)
		if err != nil {
			return err
		}
		n -= int(k)
	}
	return nil
}

type writer int

func (w writer) Write(b []byte) (int, error) { return unix.Write(int(w), b) }

type reader int

func (r reader) Read(b []byte) (int, error) { return unix.Read(int(r), b) }
