package prototest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// framer writes the frames of HTTP/2 that the sections of a conversation name,
// one on a line, with the fields of its header block on indented ones below it:
//
//	PREFACE
//	SETTINGS MAX_FRAME_SIZE=32768        SETTINGS ACK
//	HEADERS 1 END_STREAM PADDED=3 PRIORITY FRAGMENTS=2
//	  :method: GET
//	PUSH_PROMISE 1 PROMISED=2
//	  :method: GET
//	TABLE_SIZE 100                       of the encoder, from the next block on
//	DATA 1 END_STREAM PADDED=3 "text"
//	DATA 1 1000                          of which the kernel side copies a part
//	RST_STREAM 1 8                       GOAWAY 5 0
//	WINDOW_UPDATE 1 100                  PING
//	RAW "\x00"                           any bytes
type framer struct {
	encoders [2]*hpack.Encoder
	block    bytes.Buffer
}

func newFramer() *framer {
	f := new(framer)
	for i := range f.encoders {
		f.encoders[i] = hpack.NewEncoder(&f.block)
	}
	return f
}

// A frame is one line of a section with the fields below it.
type frame struct {
	kind   string
	stream uint32
	flags  byte
	args   map[string]uint64
	number uint64 // the last word, when it is one
	text   string // the last word, when it is quoted
	fields []hpack.HeaderField
}

// kinds are the types of frames (RFC 9113 section 6).
var kinds = map[string]byte{
	"DATA": 0, "HEADERS": 1, "PRIORITY": 2, "RST_STREAM": 3, "SETTINGS": 4, "PUSH_PROMISE": 5,
	"PING": 6, "GOAWAY": 7, "WINDOW_UPDATE": 8, "CONTINUATION": 9,
}

var flags = map[string]byte{"END_STREAM": 1, "ACK": 1, "PRIORITY": 0x20}

var settings = map[string]uint16{
	"HEADER_TABLE_SIZE": 1, "MAX_CONCURRENT_STREAMS": 3, "INITIAL_WINDOW_SIZE": 4, "MAX_FRAME_SIZE": 5,
}

// write puts the frames of text in s.
func (f *framer) write(s *step, text string) error {
	var all []frame
	for line := range strings.Lines(text) {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "":
		case line[0] == ' ' && len(all) > 0:
			last := &all[len(all)-1]
			name, value, _ := strings.Cut(trimmed[1:], ":")
			last.fields = append(last.fields, hpack.HeaderField{
				Name: trimmed[:1] + name, Value: strings.TrimSpace(value),
			})
		default:
			fr, err := parseFrame(trimmed)
			if err != nil {
				return err
			}
			all = append(all, fr)
		}
	}
	for _, fr := range all {
		if err := f.frame(s, &fr); err != nil {
			return err
		}
	}
	return nil
}

func parseFrame(line string) (frame, error) {
	head, text, quoted := strings.Cut(line, `"`)
	words := strings.Fields(head)
	f := frame{kind: words[0], args: map[string]uint64{}}
	for i, w := range words[1:] {
		key, value, pair := strings.Cut(w, "=")
		n, err := strconv.ParseUint(value, 10, 32)
		if !pair {
			n, err = strconv.ParseUint(w, 10, 32)
		}
		switch bit, known := flags[w]; {
		case known:
			f.flags |= bit
		case err != nil:
			return f, fmt.Errorf("%q is no number", w)
		case pair:
			f.args[key] = n
		case i == 0:
			f.stream = uint32(n)
		default:
			f.number = n
		}
	}
	var err error
	if quoted {
		f.text, err = strconv.Unquote(`"` + text)
	}
	return f, err
}

// frame writes one.
func (f *framer) frame(s *step, fr *frame) error {
	s.starts = append(s.starts, len(s.bytes))
	switch fr.kind {
	case "PREFACE":
		s.bytes = append(s.bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"...)
	case "RAW":
		s.bytes = append(s.bytes, fr.text...)
	case "TABLE_SIZE":
		f.encoders[s.from].SetMaxDynamicTableSizeLimit(1 << 20)
		f.encoders[s.from].SetMaxDynamicTableSize(fr.stream)
	case "HEADERS", "PUSH_PROMISE":
		f.head(s, fr)
	case "DATA":
		f.data(s, fr)
	default:
		k, ok := kinds[fr.kind]
		if !ok {
			return fmt.Errorf("no frame %q", fr.kind)
		}
		stream := fr.stream
		if fr.kind == "GOAWAY" {
			stream = 0
		}
		put(s, k, fr.flags, stream, fr.payload())
	}
	return nil
}

// payload is that of a frame of few numbers.
func (f *frame) payload() (b []byte) {
	switch f.kind {
	case "SETTINGS":
		for name, value := range f.args {
			b = binary.BigEndian.AppendUint16(b, settings[name])
			b = binary.BigEndian.AppendUint32(b, uint32(value))
		}
	case "RST_STREAM", "WINDOW_UPDATE":
		b = binary.BigEndian.AppendUint32(b, uint32(f.number))
	case "GOAWAY":
		b = binary.BigEndian.AppendUint32(b, f.stream)
		b = binary.BigEndian.AppendUint32(b, uint32(f.number))
	case "PING":
		b = make([]byte, 8)
	case "PRIORITY":
		b = make([]byte, 5)
	}
	return b
}

func put(s *step, kind, flags byte, stream uint32, payload []byte) {
	s.bytes = appendHeader(s.bytes, len(payload), kind, flags, stream)
	s.bytes = append(s.bytes, payload...)
}

func appendHeader(b []byte, length int, kind, flags byte, stream uint32) []byte {
	b = append(b, byte(length>>16), byte(length>>8), byte(length), kind, flags)
	return binary.BigEndian.AppendUint32(b, stream)
}

// head writes a header block, in as many frames as are asked for.
func (f *framer) head(s *step, fr *frame) {
	f.block.Reset()
	for _, h := range fr.fields {
		_ = f.encoders[s.from].WriteField(h)
	}
	var front []byte
	if fr.flags&flags["PRIORITY"] != 0 {
		front = make([]byte, 5)
	}
	if promised := fr.args["PROMISED"]; promised > 0 {
		front = binary.BigEndian.AppendUint32(front, uint32(promised))
	}
	block := bytes.Clone(f.block.Bytes())
	parts := max(int(fr.args["FRAGMENTS"]), 1)
	size := (len(block) + parts - 1) / parts
	for i := range parts {
		part := block[min(i*size, len(block)):min((i+1)*size, len(block))]
		kind, bits := kinds["CONTINUATION"], byte(0)
		if i == 0 {
			kind, bits = kinds[fr.kind], fr.flags
			bits, part = padded(fr, bits, append(front, part...))
		} else {
			s.starts = append(s.starts, len(s.bytes))
		}
		if i == parts-1 {
			bits |= 4
		}
		put(s, kind, bits, fr.stream, part)
	}
}

// padded adds what PADDED asks for.
func padded(fr *frame, bits byte, payload []byte) (byte, []byte) {
	n, ok := fr.args["PADDED"]
	if !ok {
		return bits, payload
	}
	payload = append([]byte{byte(n)}, payload...)
	return bits | 8, append(payload, make([]byte, n)...)
}

// The kernel side copies all of a frame of DATA up to whole bytes, else shown.
const (
	wholeData = 256
	shownData = 16
)

func (f *framer) data(s *step, fr *frame) {
	payload := []byte(fr.text)
	if fr.number > 0 {
		payload = bytes.Repeat([]byte{'x'}, int(fr.number))
	}
	bits, payload := padded(fr, fr.flags, payload)
	if len(payload) <= wholeData {
		put(s, kinds["DATA"], bits, fr.stream, payload)
		return
	}
	s.bytes = appendHeader(s.bytes, len(payload), kinds["DATA"], bits, fr.stream)
	s.bytes = append(s.bytes, payload[:shownData]...)
	s.holes = append(s.holes, hole{at: len(s.bytes), size: uint64(len(payload) - shownData)})
}

// begins reports whether a frame begins with byte i of the step.
func (s *step) begins(i int) bool {
	for _, start := range s.starts {
		if start == i {
			return true
		}
	}
	return false
}

// pieces takes a step apart where bytes are missing: holes of thrift, and what
// is lost.
func (s *step) pieces() (all []piece) {
	if s.kind != sent {
		return []piece{{hole: s.hole, lost: s.kind == lost}}
	}
	at, holes := 0, s.holes
	a, b := s.missing[0], s.missing[1]
	for at <= len(s.bytes) {
		to := len(s.bytes)
		if len(holes) > 0 {
			to = min(to, holes[0].at)
		}
		switch {
		case a < b && at == a: // holes inside of it are lost too
			size := uint64(b - a)
			for len(holes) > 0 && holes[0].at <= b {
				size += holes[0].size
				holes = holes[1:]
			}
			all = append(all, piece{hole: size, lost: true})
			at, a = b, b
			if at == len(s.bytes) && len(holes) == 0 {
				return all
			}
			continue
		case a < b && at < a:
			to = min(to, a)
		}
		if to > at {
			all = append(all, piece{bytes: s.bytes[at:to], frame: s.begins(at)})
		}
		at = to
		if a < b && at == a {
			continue
		}
		if len(holes) > 0 && holes[0].at == at {
			all = append(all, piece{hole: holes[0].size})
			holes = holes[1:]
			continue
		}
		if at == len(s.bytes) {
			break
		}
	}
	return all
}

// unmark forgets where the kernel side says that frames begin.
func unmark(steps []step) (unmarked []step) {
	for _, s := range steps {
		s.starts = nil
		unmarked = append(unmarked, s)
	}
	return unmarked
}
