package apps

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

func init() { Register("frames", frames) }

// frames is one end of a conversation that sends and receives a FrameStream:
//
//	dial|listen address seed rounds frames how-it-writes how-it-reads
//
// It plays a round for each line of its input, and answers with a line. It writes
// and reads in pieces cut at random, or framed: by frames, or sends payloads of
// DATA with sendfile: file.
func frames(args []string) error {
	conn, err := connect(args[0], args[1])
	if err != nil {
		return err
	}
	file, err := conn.File()
	if err != nil {
		return err
	}
	seed, _ := strconv.ParseUint(args[2], 10, 64)
	rounds, _ := strconv.Atoi(args[3])
	each, _ := strconv.Atoi(args[4])
	dials := args[0] == "dial"
	e := &framesEnd{
		file: file, first: make(chan struct{}),
		mine: Frames(seed, dials, rounds, each), theirs: Frames(seed, !dials, rounds, each),
		write: ways[args[5]], read: ways[args[6]], random: rand.New(rand.NewPCG(seed, 7)),
	}
	if dials {
		close(e.first)
	}
	return e.play(conn)
}

// A framesEnd is one end at work.
type framesEnd struct {
	file         *os.File // its calls block, and move what they are told to
	mine, theirs *FrameStream
	write, read  way
	random       *rand.Rand
	first        chan struct{} // closed once this end may send
}

func (e *framesEnd) fd() int { return int(e.file.Fd()) }

func (e *framesEnd) play(conn net.Conn) error {
	sent, received := 0, 0
	for in, n := bufio.NewScanner(os.Stdin), 0; in.Scan(); n++ {
		done := make(chan error, 1)
		go func() {
			<-e.first
			done <- e.write.move(e, e.mine, sent, e.mine.Rounds[n], e.send)
		}()
		err := e.read.move(e, e.theirs, received, e.theirs.Rounds[n], e.receive)
		if err != nil {
			return err
		}
		if err := <-done; err != nil {
			return err
		}
		sent, received = e.mine.Rounds[n], e.theirs.Rounds[n]
		fmt.Println("played")
	}
	return conn.Close()
}

// A mover moves up to to-from bytes at an offset of a stream and returns how many.
type mover func(s *FrameStream, from, to int, random *rand.Rand) (int, error)

// A way says where calls are to begin and end.
type way struct {
	cut     func(s *FrameStream, from int, random *rand.Rand) (to int)
	vectors bool // half of the calls are writev or readv
	file    bool // payloads of DATA are sent with sendfile
}

var ways = map[string]way{
	"random": {cut: cutAtRandom, vectors: true},
	"framed": {cut: cutByFrames},
	"file":   {cut: cutByFrames, file: true},
}

func (w way) move(e *framesEnd, s *FrameStream, from, to int, m mover) error {
	random := rand.New(rand.NewPCG(e.random.Uint64(), 1))
	for from < to {
		n, err := m(s, from, min(w.cut(s, from, random), to), random)
		if err != nil {
			return err
		}
		from += n
	}
	return nil
}

// cutAtRandom ends the first call anywhere behind what says that this is HTTP/2.
func cutAtRandom(_ *FrameStream, from int, random *rand.Rand) int {
	most := []int{8, 40, 600, 64 << 10}[random.IntN(4)]
	if from == 0 {
		return FrameHeader + random.IntN(most)
	}
	return from + 1 + random.IntN(most)
}

// cutByFrames ends a call behind the next header or payload.
func cutByFrames(s *FrameStream, from int, _ *rand.Rand) int {
	for _, f := range s.Frames {
		if from < f.Offset {
			return f.Offset
		}
		if from < f.Offset+FrameHeader {
			return f.Offset + FrameHeader
		}
		if end := f.Offset + FrameHeader + f.Length; from < end {
			return end
		}
	}
	return len(s.Bytes)
}

func (e *framesEnd) send(s *FrameStream, from, to int, random *rand.Rand) (int, error) {
	if e.write.file && s.isData(from) {
		return e.sendfile(s.Bytes[from:to])
	}
	if e.write.vectors && from > 0 && random.IntN(2) == 0 {
		return unix.Writev(e.fd(), segments(s.Bytes[from:to], random))
	}
	return unix.Write(e.fd(), s.Bytes[from:to])
}

func (e *framesEnd) sendfile(b []byte) (int, error) {
	fd, err := unix.MemfdCreate("payload", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, b, 0); err != nil {
		return 0, err
	}
	return unix.Sendfile(e.fd(), fd, nil, len(b))
}

func (e *framesEnd) receive(s *FrameStream, from, to int, random *rand.Rand) (n int, err error) {
	b := make([]byte, to-from)
	if e.read.vectors && from > 0 && random.IntN(2) == 0 {
		n, err = unix.Readv(e.fd(), segments(b, random))
	} else {
		n, err = unix.Read(e.fd(), b)
	}
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.ErrUnexpectedEOF
	case string(b[:n]) != string(s.Bytes[from:from+n]):
		return 0, fmt.Errorf("bytes from %d on are not those sent", from)
	}
	if from == 0 && e.first != nil {
		select {
		case <-e.first:
		default:
			close(e.first)
		}
	}
	return n, nil
}

// isData reports whether a payload of DATA begins at an offset.
func (s *FrameStream) isData(at int) bool {
	i, found := slices.BinarySearchFunc(s.Frames, at, func(f Frame, at int) int { return f.Offset + FrameHeader - at })
	return found && s.Frames[i].Type == FrameData && s.Frames[i].Length > 0
}

// segments cuts b into as many as 40, some of them empty.
func segments(b []byte, random *rand.Rand) [][]byte {
	var cut [][]byte
	most := []int{2, 30, 2000, 30_000}[random.IntN(4)]
	for len(b) > 0 && len(cut) < 39 {
		n := min(random.IntN(most), len(b))
		cut = append(cut, b[:n:n])
		b = b[n:]
	}
	return append(cut, b)
}
