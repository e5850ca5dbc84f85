package http1

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// maxLine is the longest line of a chunk size; RFC 9112 section 7.1.1 asks for a limit.
const maxLine = 4 << 10

// counted uses bytes and holes of a known length: a body, or a chunk with the
// line end behind it.
func (p *parser) counted(s *stream, d *proto.Data) uint64 {
	n := min(s.left, d.Len())
	s.left -= n
	if n > uint64(len(d.Bytes)) {
		p.missed(d)
	}
	switch {
	case s.left > 0:
	case s.state == chunkData:
		s.state = chunkSize
	default:
		p.bodyEnds(d.From, d.Last)
	}
	return n
}

// chunk reads the line before a chunk (RFC 9112 section 7.1).
func (p *parser) chunk(s *stream, d *proto.Data) uint64 {
	line, rest, ok := cutLine(d.Bytes)
	if !ok && d.Hole == 0 && len(d.Bytes) <= maxLine {
		return 0
	}
	size, valid := chunkLine(line)
	if !ok || !valid {
		s.goBlind()
		return p.blind(s, d)
	}
	s.size += int64(size)
	s.state, s.left = chunkData, size+uint64(len("\r\n"))
	if size == 0 {
		s.state = trailers
	}
	return uint64(len(d.Bytes) - len(rest))
}

// chunkLine reads the size and skips the extensions.
func chunkLine(line []byte) (size uint64, ok bool) {
	n := 0
	for ; n < len(line); n++ {
		digit, ok := hexDigit(line[n])
		if !ok {
			break
		}
		size = size<<4 | digit
	}
	behind := trim(line[n:])
	return size, n > 0 && n <= 12 && (len(behind) == 0 || behind[0] == ';')
}

func hexDigit(c byte) (uint64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10, true
	}
	return 0, false
}

// trailer skips the lines behind the last chunk up to the empty one.
func (p *parser) trailer(s *stream, d *proto.Data) uint64 {
	line, rest, ok := cutLine(d.Bytes)
	switch {
	case !ok && d.Hole == 0 && len(d.Bytes) <= maxHead:
		return 0
	case !ok:
		s.goBlind()
		return p.blind(s, d)
	case len(line) == 0:
		p.bodyEnds(d.From, d.Last)
	}
	return uint64(len(d.Bytes) - len(rest))
}

// blind skips a chunked body whose framing is not known. The body ends with the
// call whose last bytes look like an end, or where the next message begins.
func (p *parser) blind(s *stream, d *proto.Data) uint64 {
	s.tail = s.tail.scan(d.Bytes)
	switch {
	case d.Hole > 0:
		s.tail = lineStart
		p.missed(d)
	case d.End && s.tail == ended:
		p.bodyEnds(d.From, d.Last)
	}
	return d.Len()
}

// begins judges whether b begins a message of from.
func begins(from proto.Side, b []byte) proto.Verdict {
	if from == proto.Client {
		return requestLine(b, maxHead)
	}
	return statusLine(b)
}

// missed marks the exchange whose body has a hole that is a loss.
func (p *parser) missed(d *proto.Data) {
	x := p.req
	if d.From == proto.Server {
		x = p.resp
	}
	if x != nil && d.Hole > 0 && d.Lost {
		x.Capture |= proto.Gap
	}
}

// bodyEnds ends the message of from: a request is known whole, a response ends
// its exchange.
func (p *parser) bodyEnds(from proto.Side, at time.Duration) {
	s := &p.streams[from]
	size := s.size
	s.end()
	switch {
	case from == proto.Client && p.req != nil:
		p.req.RequestSize = size
		p.req = nil
	case from == proto.Server && p.resp != nil:
		p.resp.ResponseSize = size
		p.answered(p.resp, at)
	}
}
