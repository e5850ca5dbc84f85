package http1

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestLongHead(t *testing.T) {
	for _, end := range []string{"", "\r\n\r\n"} {
		p := New(http.Config{}, nil, nil).New(proto.Conn{}, func(*proto.Exchange) { t.Error("an exchange") })
		head := "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", maxHead) + end
		_, err := p.Parse(&proto.Data{From: proto.Client, Bytes: []byte(head)})
		if !errors.Is(err, errHead) {
			t.Errorf("a head of %d bytes: %v", len(head), err)
		}
	}
}

func TestDeepPipeline(t *testing.T) {
	ended := 0
	p := New(http.Config{}, nil, nil).New(proto.Conn{}, func(x *proto.Exchange) {
		ended++
		if x.Capture != proto.NoResponse || x.Err != "" {
			t.Errorf("capture %b, error %q", x.Capture, x.Err)
		}
	})
	d := &proto.Data{From: proto.Client, Bytes: []byte(wrk)}
	for range maxOpen {
		if _, err := p.Parse(d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Parse(d); !errors.Is(err, errDepth) {
		t.Error(err)
	}
	if p.Close(0, proto.ReasonClosed); ended != maxOpen {
		t.Errorf("%d exchanges ended", ended)
	}
}

func TestNeverHTTP(t *testing.T) {
	p := New(http.Config{}, nil, nil).New(proto.Conn{}, func(*proto.Exchange) { t.Error("an exchange") })
	d := &proto.Data{From: proto.Client, Bytes: []byte("\x00\x01")}
	for range maxStrikes {
		if _, err := p.Parse(d); !errors.Is(err, proto.ErrLost) {
			t.Fatal(err)
		}
	}
	if _, err := p.Parse(d); !errors.Is(err, errNotHTTP) {
		t.Error(err)
	}
}

// TestPeerName has a request say nowhere which host it is for, where the process
// had looked the address up, and where it had not.
func TestPeerName(t *testing.T) {
	for name, want := range map[string]string{"shop.test": "shop.test", "": "10.0.0.7"} {
		got := ""
		c := proto.Conn{Side: proto.Client, Remote: addr("10.0.0.7:80"), PeerName: name}
		p := New(http.Config{}, nil, nil).New(c, func(x *proto.Exchange) {
			for _, a := range x.Attrs {
				if a.Key == "server.address" {
					got = a.Str
				}
			}
		})
		d := &proto.Data{From: proto.Client, Bytes: []byte("GET / HTTP/1.0\r\n\r\n")}
		if _, err := p.Parse(d); err != nil {
			t.Fatal(err)
		}
		if p.Close(0, proto.ReasonClosed); got != want {
			t.Errorf("server.address %q, want %q", got, want)
		}
	}
}

func TestDetect(t *testing.T) {
	long := strings.Repeat("a", maxTarget)
	for _, c := range []struct {
		client, server string
		want           proto.Verdict
	}{
		{"", "", proto.Maybe},
		{"G", "", proto.Maybe},
		{"GET", "", proto.Maybe},
		{"GET /", "", proto.Maybe},
		{"GET / HTTP/1.", "", proto.Maybe},
		{"GET / HTTP/1.1\r\n", "", proto.Yes},
		{"\r\nGET / HTTP/1.0\n", "", proto.Yes},
		{"M-SEARCH * HTTP/1.1\r", "", proto.Yes},
		{"GET / HTTP/2.0", "", proto.No},
		{"GET / HTTP/1.2\r", "", proto.No},
		{"GET / HTTP/1.1x", "", proto.No},
		{"GET /\r\n", "", proto.No},
		{"GET  / HTTP/1.1\r\n", "", proto.No},
		{"GET /a b HTTP/1.1\r\n", "", proto.No},
		{"OPTIONS rtsp://a RTSP/1.0\r\n", "", proto.No},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", proto.No},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 200 OK", proto.No},
		{"PING\r\n", "", proto.No},
		{"\x16\x03\x01", "", proto.No},
		{" GET", "", proto.No},
		{strings.Repeat("A", maxMethod), "", proto.Maybe},
		{strings.Repeat("A", maxMethod+1), "", proto.No},
		{"GET " + long, "", proto.Maybe},
		{"GET " + long + "a", "", proto.No},
		{"", "HTTP/1.1 200 OK\r\n", proto.Yes},
		{"", "HTTP/1.0 ", proto.Yes},
		{"", "HTTP/1", proto.Maybe},
		{"", "HTTP/1.1\r\n", proto.No},
		{"", "SSH-2.0-x", proto.No},
		{"GET / HTTP/1.1\r\n", "SSH-2.0-x", proto.No},
		{"GET / HTTP/1.1\r\n", "HT", proto.Yes},
		{"middle of a body", "HTTP/1.1 200 OK", proto.Yes},
	} {
		if got := detect([]byte(c.client), []byte(c.server)); got != c.want {
			t.Errorf("detect(%.40q, %q) = %d, want %d", c.client, c.server, got, c.want)
		}
	}
}

// FuzzDetect checks that a verdict never changes its mind when more bytes come.
func FuzzDetect(f *testing.F) {
	f.Add([]byte(wrk), []byte(nginx))
	f.Add([]byte("PRI * HTTP/2.0\r\n"), []byte("SSH-2.0"))
	f.Fuzz(func(t *testing.T, client, server []byte) {
		for i := range client {
			v, more := requestLine(client[:i], maxTarget), requestLine(client[:i+1], maxTarget)
			if v != proto.Maybe && v != more {
				t.Errorf("%q: %d, then %d", client[:i+1], v, more)
			}
		}
		for i := range server {
			if v, more := statusLine(server[:i]), statusLine(server[:i+1]); v != proto.Maybe && v != more {
				t.Errorf("%q: %d, then %d", server[:i+1], v, more)
			}
		}
		detect(client, server)
	})
}

func TestTail(t *testing.T) {
	for text, want := range map[string]bool{
		"0\r\n\r\n":                         true,
		"\r\n0\r\n\r\n":                     true,
		"x\r\n000;a=b\r\n\r\n":              true,
		"x\r\n0\r\nA: b\r\nC: d\r\n\r\n":    true,
		"x\r\n0\r\n\r\n0\r\n\r\n":           true,
		"x\r\n0\r\n0\r\n\r\n":               true,
		"x0\r\n\r\n":                        false,
		"x\r\n10\r\n\r\n":                   false,
		"x\r\n0\r\nnot a field\r\n\r\n":     false,
		"x\r\n0\r\n\r\n!":                   false,
		"x\r\n0\r\n":                        false,
		"x\r\n0\r\nno field\r\n0\r\n\r\n":   true,
		"x\r\n0\r\nA: b\r\n\r\nx\r\n\r\n\r": false,
	} {
		if got := inText.scan([]byte(text)) == ended; got != want && text[0] != '0' {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if got := lineStart.scan([]byte(text)) == ended; got != want {
			t.Errorf("%q after a hole: %v, want %v", text, got, want)
		}
	}
}

// FuzzTail checks that a tail seen whole is seen in pieces.
func FuzzTail(f *testing.F) {
	f.Add([]byte("x\r\n0\r\nA: b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := inText.scan(b)
		pieces := inText
		for _, c := range b {
			pieces = pieces.next(c)
		}
		if whole != pieces || whole == ended && !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
			t.Errorf("%q: %d, in pieces %d", b, whole, pieces)
		}
	})
}
