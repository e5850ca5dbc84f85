package all

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// TestUpgrade follows a connection from HTTP/1.1 to HTTP/2 (RFC 7540 section 3.2):
// the response to its request comes on stream 1.
func TestUpgrade(t *testing.T) {
	var got []string
	h1 := Protocols(Config{})[0]
	p := h1.New(proto.Conn{Side: proto.Server}, func(x *proto.Exchange) {
		s := fmt.Sprintf("%s %d-%d %s", x.Name, x.Start, x.End, x.Err)
		for _, a := range x.Attrs {
			switch a.Key {
			case "url.path", "network.protocol.version":
				s += " " + a.Str
			case "http.response.status_code":
				s += fmt.Sprint(" ", a.Int)
			}
		}
		got = append(got, s)
	})
	protocol := h1.Name
	for i, call := range []struct {
		from  proto.Side
		bytes string
	}{
		{proto.Client, "GET /up HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\n" +
			"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"},
		{proto.Server, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" +
			"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88"},
		{proto.Client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		{proto.Server, "\x00\x00\x02\x00\x01\x00\x00\x00\x01ok"},
		{proto.Client, "\x00\x00\x03\x01\x05\x00\x00\x00\x03\x82\x84\x86"},
		{proto.Server, "\x00\x00\x01\x01\x05\x00\x00\x00\x03\x8d"},
	} {
		at := time.Duration(i + 1)
		d := &proto.Data{From: call.from, Bytes: []byte(call.bytes), End: true, First: at, Last: at}
		for len(d.Bytes) > 0 {
			n, err := p.Parse(d)
			var became *proto.Become
			if errors.As(err, &became) {
				p, protocol, err = became.Next, became.Protocol.Name, nil
			}
			if n == 0 || err != nil {
				t.Fatalf("call %d: %d %v", i+1, n, err)
			}
			d.Bytes = d.Bytes[n:]
		}
	}
	want := []string{"GET 1-4  /up 2 200", "GET 5-6  / 2 404"}
	if protocol != "http2" || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %q, want %q", protocol, got, want)
	}
}
