package apps

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server answers on the address its first argument gives, until its standard
// input ends; then it prints how often it answered each "METHOD path status".
//
//	/s/{status}/...   that status and a short body
//	/sleep/{ms}       200 after so many milliseconds
//	/bytes/{n}        a body of n bytes with a Content-Length
//	/chunked/{n}      n chunks of 4000 bytes
//	/slowchunks/{n}   n chunks, 50 ms apart
//	/eof/{n}          HTTP/1.0, a body of n bytes that ends with the connection
//	/file             sendfile of the server's own executable
//	/head/{n}         a field of n bytes in the head
//	/upgrade          101, then echo
//	/reset            reads the request and resets the connection
//	/close            reads the request and closes the connection
func server(args []string) error {
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	if ln, err = withTLS(ln); err != nil {
		return err
	}
	c := &counter{n: make(map[string]int)}
	go func() { _ = http.Serve(ln, c) }()
	fmt.Println(ln.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	c.mu.Lock()
	defer c.mu.Unlock()
	return printJSON(c.n)
}

// A counter is the server's handler and its ground truth.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) count(r *http.Request, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, status)]++
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, rest, _ := strings.Cut(r.URL.Path, "/")
	kind, rest, _ := strings.Cut(rest, "/")
	arg, _, _ := strings.Cut(rest, "/")
	n, _ := strconv.Atoi(arg)
	switch kind {
	case "s":
		c.status(w, r, n)
		return
	case "sleep":
		time.Sleep(time.Duration(n) * time.Millisecond)
		fmt.Fprintln(w, "slept")
	case "bytes":
		w.Header().Set("Content-Length", arg)
		writeBytes(w, n)
	case "chunked", "slowchunks":
		chunks(w, n, kind == "slowchunks")
	case "head":
		w.Header().Set("X-Long", strings.Repeat("x", n))
	case "file":
		http.ServeFile(w, r, "/proc/self/exe")
	default:
		c.hijack(w, r, kind, n)
		return
	}
	c.count(r, http.StatusOK)
}

func (c *counter) status(w http.ResponseWriter, r *http.Request, status int) {
	w.WriteHeader(status)
	if status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified {
		fmt.Fprintln(w, "status", status)
	}
	c.count(r, status)
}

func writeBytes(w io.Writer, n int) {
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i)
	}
	for n > 0 {
		k, err := w.Write(block[:min(n, len(block))])
		if err != nil {
			return
		}
		n -= k
	}
}

func chunks(w http.ResponseWriter, n int, slow bool) {
	for range n {
		_, _ = w.Write(make([]byte, 4000))
		w.(http.Flusher).Flush()
		if slow {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// hijack serves what net/http would not send.
func (c *counter) hijack(w http.ResponseWriter, r *http.Request, kind string, n int) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	switch kind {
	case "eof":
		fmt.Fprint(conn, "HTTP/1.0 200 OK\r\nServer: x\r\n\r\n")
		writeBytes(conn, n)
		c.count(r, http.StatusOK)
	case "upgrade":
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		c.count(r, http.StatusSwitchingProtocols)
		echo(conn, rw.Reader)
	case "reset":
		c.count(r, 0)
		_ = conn.(*net.TCPConn).SetLinger(0)
	case "close":
		c.count(r, 0)
	}
}

func echo(w io.Writer, r *bufio.Reader) {
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) || err != nil {
			return
		}
		fmt.Fprint(w, line)
	}
}
