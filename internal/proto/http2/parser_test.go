package http2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// A wire writes the frames of both sides.
type wire struct {
	out   [2][]byte
	block bytes.Buffer
	enc   [2]*hpack.Encoder
}

func newWire() *wire {
	w := &wire{}
	w.enc[0], w.enc[1] = hpack.NewEncoder(&w.block), hpack.NewEncoder(&w.block)
	w.out[proto.Client] = append(w.out[proto.Client], preface...)
	w.frame(proto.Client, settings, 0, 0, nil)
	w.frame(proto.Server, settings, 0, 0, nil)
	return w
}

func (w *wire) frame(from proto.Side, k kind, flags byte, stream uint32, payload []byte) {
	b := w.out[from]
	b = append(b, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), byte(k), flags)
	w.out[from] = append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

func (w *wire) headers(from proto.Side, flags byte, stream uint32, fields ...string) {
	w.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = w.enc[from].WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	w.frame(from, headers, flags|endHeaders, stream, w.block.Bytes())
}

func (w *wire) request(stream uint32, path string) {
	w.headers(proto.Client, endStream, stream, ":method", "GET", ":scheme", "http", ":path", path, ":authority", "a.test")
}

// take returns what a side wrote since, as a call would move it.
func (w *wire) take(from proto.Side, at time.Duration) *proto.Data {
	d := &proto.Data{From: from, Bytes: w.out[from], End: true, First: at, Last: at}
	w.out[from] = nil
	return d
}

// feed gives d to the parser as the tracker does, and returns what it left.
func feed(t testing.TB, p proto.Parser, d *proto.Data) []byte {
	t.Helper()
	for d.Len() > 0 {
		n, err := p.Parse(d)
		if err != nil || n > d.Len() || n == 0 && d.Hole > 0 {
			t.Fatalf("used %d of %d and %d: %v", n, len(d.Bytes), d.Hole, err)
		}
		if n == 0 {
			break
		}
		k := min(n, uint64(len(d.Bytes)))
		d.Bytes, d.Hole, d.Frame = d.Bytes[k:], d.Hole-(n-k), false
	}
	return d.Bytes
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var served = proto.Conn{Side: proto.Server, Local: addr("10.0.0.1:8080"), Remote: addr("10.0.0.2:40000")}

func newTest(emit func(*proto.Exchange)) *parser {
	p, _ := New(http.Config{})
	return p.New(served, emit).(*parser)
}

func text(x *proto.Exchange, key string) string {
	for _, a := range x.Attrs {
		if a.Key == key && a.Kind == proto.KindInt {
			return fmt.Sprint(a.Int)
		} else if a.Key == key {
			return a.Str
		}
	}
	return ""
}

// TestManyStreams has 300 streams open at once, whose frames are shuffled.
func TestManyStreams(t *testing.T) {
	const streams = 300
	got := map[string]string{}
	p := newTest(func(x *proto.Exchange) {
		got[text(x, "url.path")] = text(x, "http.response.status_code") + " " + text(x, "http.response.body.size")
		if x.Capture != 0 || x.Err != "" || x.End != 2 {
			t.Errorf("capture %b, error %q, end %d", x.Capture, x.Err, x.End)
		}
	})
	w := newWire()
	for i := range uint32(streams) {
		w.request(2*i+1, fmt.Sprint("/", i))
	}
	feed(t, p, w.take(proto.Client, 1))
	if len(p.streams) != streams {
		t.Fatalf("%d streams are open", len(p.streams))
	}
	r := rand.New(rand.NewPCG(1, 1))
	var left []uint32 // a stream is in it once for each frame of its response
	for i := range uint32(streams) {
		left = append(left, i, i, i)
	}
	r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	sent := map[uint32]int{}
	for _, i := range left {
		switch id := 2*i + 1; sent[i] {
		case 0:
			w.headers(proto.Server, 0, id, ":status", fmt.Sprint(200+i))
		case 1:
			w.frame(proto.Server, data, 0, id, make([]byte, i))
		case 2:
			w.frame(proto.Server, data, endStream, id, []byte("x"))
		}
		sent[i]++
	}
	feed(t, p, w.take(proto.Server, 2))
	for i := range streams {
		if want := fmt.Sprint(200+i, " ", i+1); got[fmt.Sprint("/", i)] != want {
			t.Errorf("/%d: %q, want %q", i, got[fmt.Sprint("/", i)], want)
		}
	}
}

// TestTooManyStreams opens more than are followed.
func TestTooManyStreams(t *testing.T) {
	ended, full := 0, 0
	c := served
	c.Lose = func(reason string) {
		if reason == "streams_full" {
			full++
		}
	}
	protocol, _ := New(http.Config{})
	p := protocol.New(c, func(x *proto.Exchange) { ended++ }).(*parser)
	w := newWire()
	for i := range uint32(2 * maxOpen) {
		w.request(2*i+1, "/")
	}
	feed(t, p, w.take(proto.Client, 1))
	if len(p.streams) != maxOpen || full != maxOpen {
		t.Errorf("%d are followed, %d counted", len(p.streams), full)
	}
	for i := range uint32(2 * maxOpen) {
		w.headers(proto.Server, endStream, 2*i+1, ":status", "200")
	}
	feed(t, p, w.take(proto.Server, 2))
	if ended != maxOpen || len(p.streams) != 0 {
		t.Errorf("%d ended, %d are left", ended, len(p.streams))
	}
}

// TestLongBlock has a header block that is longer than what is read of one.
func TestLongBlock(t *testing.T) {
	var got []proto.Capture
	p := newTest(func(x *proto.Exchange) { got = append(got, x.Capture) })
	w := newWire()
	w.block.Reset()
	for _, f := range []string{":method", ":path"} {
		_ = w.enc[0].WriteField(hpack.HeaderField{Name: f, Value: "GET"})
	}
	_ = w.enc[0].WriteField(hpack.HeaderField{Name: "x", Value: string(bytes.Repeat([]byte{0xff}, 80<<10)), Sensitive: true})
	block := bytes.Clone(w.block.Bytes())
	for k := headers; len(block) > 0; k = continuation {
		n := min(len(block), defaultFrame)
		flags := byte(0)
		if k == headers {
			flags = endStream
		}
		if n == len(block) {
			flags |= endHeaders
		}
		w.frame(proto.Client, k, flags, 1, block[:n])
		block = block[n:]
	}
	w.request(3, "/next")
	feed(t, p, w.take(proto.Client, 1))
	w.headers(proto.Server, endStream, 1, ":status", "431")
	w.headers(proto.Server, endStream, 3, ":status", "200")
	feed(t, p, w.take(proto.Server, 2))
	if len(got) != 2 || got[0] != proto.CutHead {
		t.Errorf("captures %b", got)
	}
}

// TestServerFirst has the tracker give the server's bytes first.
func TestServerFirst(t *testing.T) {
	n := 0
	p := newTest(func(x *proto.Exchange) { n++ })
	w := newWire()
	feed(t, p, w.take(proto.Server, 1))
	w.request(1, "/")
	feed(t, p, w.take(proto.Client, 2))
	w.headers(proto.Server, endStream, 1, ":status", "200")
	feed(t, p, w.take(proto.Server, 3))
	if n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

func TestDetect(t *testing.T) {
	w := newWire()
	w.out[0], w.out[1] = nil, nil
	w.request(5, "/x")
	w.headers(proto.Server, 0, 5, ":status", "299")
	request, response := string(w.out[0]), string(w.out[1])
	w.out[1] = nil
	w.headers(proto.Server, endStream, 5, "grpc-status", "0")
	trailers := string(w.out[1])
	update := "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00"
	for _, c := range []struct {
		client, server string
		want           proto.Verdict
	}{
		{"", "", proto.Maybe},
		{"P", "", proto.Maybe},
		{preface[:23], "", proto.Maybe},
		{preface, "", proto.Yes},
		{preface + "anything", "", proto.Yes},
		{"PRI * HTTP/1.1\r\n", "", proto.No},
		{"GET / HTTP/1.1\r\n", "", proto.No},
		{"", "\x00\x00\x00\x04\x00\x00\x00\x00\x00", proto.Maybe},
		{"", "HTTP/1.1 200 OK\r\n", proto.No},
		{request, "", proto.Yes},
		{request[:12], "", proto.Maybe},
		{update, "", proto.Maybe},
		{update + request, "", proto.Yes},
		{response, "", proto.No},
		{"", response, proto.Yes},
		{"", request, proto.No},
		{trailers, "", proto.Maybe},
		{"", trailers + response, proto.Yes},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", proto.No},
		{"\x00\x00\x00\x08\x04\xd2\x16\x2f", "", proto.No},                                    // PostgreSQL SSLRequest
		{"\x00\x00\x00\x29\x00\x03\x00\x00user\x00", "", proto.No},                            // PostgreSQL startup
		{"", "\x4a\x00\x00\x00\x0a8.0.30\x00", proto.No},                                      // MySQL greeting
		{"*1\r\n$4\r\nPING\r\n", "", proto.No},                                                // Redis
		{"\x00\x00\x00\x23\x00\x12\x00\x04\x00\x00\x00\x01", "", proto.No},                    // Kafka
		{"\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xd4\x07", "", proto.No},            // MongoDB
		{"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example", "", proto.No}, // DNS
		{string(make([]byte, 100)), "", proto.No},
	} {
		if got := detect([]byte(c.client), []byte(c.server)); got != c.want {
			t.Errorf("detect(%.40q, %.20q) = %d, want %d", c.client, c.server, got, c.want)
		}
	}
}

// FuzzDetect checks that a No or a Yes never changes when more bytes come.
func FuzzDetect(f *testing.F) {
	w := newWire()
	w.request(1, "/")
	f.Add(w.out[0], w.out[1])
	f.Add(w.out[0][len(preface):], w.out[1])
	f.Fuzz(func(t *testing.T, client, server []byte) {
		for i := range client {
			one, more := detect(client[:i], nil), detect(client[:i+1], nil)
			if one != proto.Maybe && one != more {
				t.Errorf("%q: %d, then %d", client[:i+1], one, more)
			}
		}
		for i := range server {
			one, more := detect(nil, server[:i]), detect(nil, server[:i+1])
			if one != proto.Maybe && one != more {
				t.Errorf("server %q: %d, then %d", server[:i+1], one, more)
			}
		}
	})
}

// FuzzMemory feeds frames of any bytes, again and again, and bounds what the
// parser keeps.
func FuzzMemory(f *testing.F) {
	w := newWire()
	for i := range uint32(5) {
		w.request(2*i+1, "/")
		w.headers(proto.Server, 0, 2*i+1, ":status", "200")
	}
	f.Add(w.out[0], w.out[1])
	f.Add([]byte(preface+"\x00\x00\x05\x01\x00\x00\x00\x00\x01\x40\x01a\x01b"+"\x00\x00\x05\x09\x00\x00\x00\x00\x01\x40\x01a\x01b"), []byte{})
	f.Fuzz(func(t *testing.T, client, server []byte) {
		p := newTest(func(*proto.Exchange) {})
		for range 20 {
			left := feed(t, p, &proto.Data{From: proto.Client, Bytes: client, End: true})
			left = append(left, feed(t, p, &proto.Data{From: proto.Server, Bytes: server, End: true})...)
			if len(left) > 2*(headerSize+maxBlock) {
				t.Fatalf("%d bytes wait", len(left))
			}
			if n := len(p.streams); n > maxOpen+maxEarly || len(p.early) > maxEarly {
				t.Fatalf("%d streams, %d early", n, len(p.early))
			}
			for i := range p.sides {
				s := &p.sides[i]
				if memory(&s.table) > maxMemory || s.block != nil && len(s.block.bytes) > maxBlock {
					t.Fatal("a block or a table is too large")
				}
			}
		}
		p.Close(1, proto.ReasonClosed)
		if len(p.streams) != 0 {
			t.Errorf("%d streams are left", len(p.streams))
		}
	})
}
