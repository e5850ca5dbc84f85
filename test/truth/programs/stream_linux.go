package programs

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/test/truth/emulator"
)

// A stream is a connection that writes down what passes.
type stream struct {
	*net.TCPConn
	read, written uint64 // bytes so far
	buffer        []byte
	broken        bool // of no use for another request
}

func newStream(c net.Conn) *stream {
	return &stream{TCPConn: c.(*net.TCPConn), buffer: make([]byte, 64<<10)}
}

// head is what is needed to know of the head of a message.
type head struct {
	line string // the first
	body int
}

// pace says how a message is sent: in pieces, with pauses before each but the first.
type pace struct {
	piece int // bytes; 0: as many as there are
	pause time.Duration
}

// receive reads a message.
func (s *stream) receive() (h head, m Message, err error) {
	m.From, m.To = s.read, s.read
	var text []byte
	for h.line == "" {
		got, err := s.step(&m)
		if err != nil {
			return h, m, err
		}
		text = append(text, got...)
		if end := bytes.Index(text, []byte("\r\n\r\n")); end >= 0 {
			h = parseHead(string(text[:end]))
			m.To = m.From + uint64(end+4+h.body)
		}
	}
	for s.read < m.To {
		if _, err := s.step(&m); err != nil {
			return h, m, err
		}
	}
	return h, m, nil
}

// step reads once.
func (s *stream) step(m *Message) ([]byte, error) {
	at := emulator.Now()
	n, err := s.Read(s.buffer)
	if n > 0 {
		m.Steps = append(m.Steps, Step{at, emulator.Now(), n})
		s.read += uint64(n)
	}
	return s.buffer[:n], err
}

func parseHead(text string) (h head) {
	h.line, _, _ = strings.Cut(text, "\r\n")
	if _, after, ok := strings.Cut(text, "Content-Length: "); ok {
		digits, _, _ := strings.Cut(after, "\r\n")
		h.body, _ = strconv.Atoi(digits)
	}
	return h
}

// send writes a message.
func (s *stream) send(p pace, message []byte) (m Message, err error) {
	m.From = s.written
	m.To = m.From + uint64(len(message))
	for len(message) > 0 && err == nil {
		if len(m.Steps) > 0 {
			time.Sleep(p.pause)
		}
		piece := message
		if p.piece > 0 {
			piece = message[:min(p.piece, len(message))]
		}
		at := emulator.Now()
		var n int
		n, err = s.Write(piece)
		m.Steps = append(m.Steps, Step{at, emulator.Now(), n})
		s.written += uint64(n)
		message = message[n:]
	}
	return m, err
}

// await returns when there are bytes to read, without reading them.
func (s *stream) await() error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool { return readable(int(fd)) })
}

// readable reports whether a read would return at once.
func readable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, _ := unix.Poll(fds, 0)
	return n > 0
}

func body(n int) string { return strings.Repeat("x", n) }

func lengthOf(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }
