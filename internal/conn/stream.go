package conn

import (
	"errors"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A piece is a run of bytes with a hole behind it, either possibly empty.
type piece struct {
	bytes       []byte
	hole        uint64
	lost        bool // the hole is a loss
	end         bool // the last byte ended a system call
	frame       bool // the first byte begins a frame, as the kernel side says
	first, last time.Duration
	thread      uint32
	front, back *proto.Moment
}

// append keeps the bytes of p behind those kept before.
func (s *stream) append(p *piece) {
	if len(p.bytes) == 0 {
		return
	}
	s.buf = append(s.buf, p.bytes...)
	s.marks = append(s.marks, mark{len(p.bytes), p.first, p.last, p.thread, *p.front})
}

// use drops the first n kept bytes.
func (s *stream) use(n int) {
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	for n > 0 && len(s.marks) > 0 {
		if s.marks[0].size > n {
			s.marks[0].size -= n
			behind(&s.marks[0].front, uint64(n))
			break
		}
		n -= s.marks[0].size
		s.marks = s.marks[:copy(s.marks, s.marks[1:])]
	}
	if len(s.buf) == 0 && cap(s.buf) > keepBuffer {
		s.buf = nil
	}
}

// keepBuffer is what an idle stream's buffer may hold, in bytes.
const keepBuffer = 512

func (s *stream) clear() { s.use(len(s.buf)) }

// feed gives p to the parser, behind what it has not used yet. It returns what
// the parser last said when that ends the stream or the connection.
func (c *tracked) feed(dir int, p *piece) error {
	s := &c.streams[dir]
	if len(s.buf) > 0 {
		return c.feedBuffered(dir, p)
	}
	*c.data = proto.Data{From: c.sender(dir), Bytes: p.bytes, Hole: p.hole, Lost: p.lost,
		End: p.end && p.hole == 0, Frame: p.frame, First: p.first, Last: p.last, Thread: p.thread, Front: p.front, Back: p.back}
	n, err := c.parse(c.data)
	if err != nil {
		return err
	}
	p.bytes = p.bytes[n:]
	s.append(p)
	return nil
}

// feedBuffered is feed when older bytes stand before p.
func (c *tracked) feedBuffered(dir int, p *piece) error {
	s := &c.streams[dir]
	s.append(p)
	last := p.last
	for len(s.buf) > 0 {
		m := s.marks[0]
		*c.data = proto.Data{From: c.sender(dir), Bytes: s.buf, Hole: p.hole, Lost: p.lost,
			End: p.end && p.hole == 0, First: m.first, Last: last, Thread: m.thread, Front: &m.front, Back: p.back}
		n, err := c.ask(c.data)
		if err != nil {
			s.clear()
			return err
		}
		if n == 0 && p.hole == 0 {
			return nil
		}
		if n == 0 {
			s.clear()
			return proto.ErrLost
		}
		used := min(n, uint64(len(s.buf)))
		s.use(int(used))
		p.hole -= n - used
	}
	if p.hole == 0 {
		return nil
	}
	*c.data = proto.Data{From: c.sender(dir), Hole: p.hole, Lost: p.lost,
		First: p.first, Last: p.last, Thread: p.thread, Front: p.front, Back: p.back}
	_, err := c.parse(c.data)
	return err
}

// ask calls the parser once. If that hands the connection over, another parser
// takes its place.
func (c *tracked) ask(d *proto.Data) (uint64, error) {
	n, err := c.parser.Parse(d)
	if err == nil {
		return n, nil
	}
	var became *proto.Become // behind the common case: it is allocated
	if errors.As(err, &became) {
		c.Protocol, c.parser = became.Protocol, became.Next
		return n, nil
	}
	return n, err
}

// parse calls the parser until it has used what it will of d, and returns how
// many of the bytes that is. All of a hole is used, or ErrLost returned.
func (c *tracked) parse(d *proto.Data) (used int, err error) {
	for d.Len() > 0 {
		n, err := c.ask(d)
		if err != nil {
			return used, err
		}
		if n == 0 {
			if d.Hole > 0 {
				return used, proto.ErrLost
			}
			return used, nil
		}
		k := min(n, uint64(len(d.Bytes)))
		used += int(k)
		d.Bytes, d.Frame = d.Bytes[k:], false
		d.Hole -= min(n-k, d.Hole)
		behind(d.Front, n)
	}
	return used, nil
}

// behind moves the moment of a first byte to one n bytes behind it. When that
// one came to the socket is not known: the two were only read together.
func behind(front *proto.Moment, n uint64) {
	front.Offset += n
	front.Arrived = 0
}
