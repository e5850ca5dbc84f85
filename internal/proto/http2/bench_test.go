package http2

import (
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

func BenchmarkGet(b *testing.B) {
	benchmark(b, proto.Server, func(w *wire, id uint32) {
		w.request(id, "/index.html")
	}, func(w *wire, id uint32) {
		w.headers(proto.Server, 0, id, ":status", "200", "server", "nginx/1.26.0", "date", "Mon, 01 Jan 2024 00:00:00 GMT",
			"content-type", "text/html", "content-length", "615", "last-modified", "Mon, 01 Jan 2024 00:00:00 GMT",
			"etag", "\"6592000f-267\"", "accept-ranges", "bytes")
	})
}

func BenchmarkClient(b *testing.B) {
	benchmark(b, proto.Client, func(w *wire, id uint32) {
		w.request(id, "/index.html")
	}, func(w *wire, id uint32) {
		w.headers(proto.Server, 0, id, ":status", "200", "server", "nginx/1.26.0", "content-length", "615")
	})
}

func BenchmarkCall(b *testing.B) {
	message := []byte("\x00\x00\x00\x00\x05hello")
	benchmark(b, proto.Server, func(w *wire, id uint32) {
		w.headers(proto.Client, 0, id, ":method", "POST", ":scheme", "http", ":path", "/pkg.Greeter/Hello",
			":authority", "a.test", "content-type", "application/grpc", "user-agent", "grpc-go/1.80.0", "te", "trailers",
			"grpc-timeout", "999871u")
		w.frame(proto.Client, data, endStream, id, message)
	}, func(w *wire, id uint32) {
		w.headers(proto.Server, 0, id, ":status", "200", "content-type", "application/grpc")
		w.frame(proto.Server, data, 0, id, message)
		w.headers(proto.Server, endStream, id, "grpc-status", "0", "grpc-message", "")
	})
}

// benchmark exchanges what ask and answer write, each in one call; a response
// that they leave open ends with a body that was not captured.
func benchmark(b *testing.B, side proto.Side, ask, answer func(*wire, uint32)) {
	n := 0
	c := served
	c.Side = side
	protocol, _ := New(http.Config{})
	p := protocol.New(c, func(*proto.Exchange) { n++ })
	w := newWire()
	feed(b, p, w.take(proto.Client, 0))
	feed(b, p, w.take(proto.Server, 0))
	const rounds = 1000 // that are written before; the tables are full then
	var calls [2 * rounds]proto.Data
	for i := range rounds {
		id := uint32(2*i + 1)
		ask(w, id)
		answer(w, id)
		calls[2*i], calls[2*i+1] = *w.take(proto.Client, 0), *w.take(proto.Server, 0)
		if b.Name() != "BenchmarkCall" {
			w.frame(proto.Server, data, endStream, id, make([]byte, 615))
			calls[2*i+1].Bytes = append(calls[2*i+1].Bytes, w.out[1][:headerSize+16]...)
			calls[2*i+1].Hole, w.out[1] = 615-16, nil
		}
	}
	b.ReportAllocs()
	q := p.(*parser)
	var d proto.Data
	for i := 0; b.Loop(); i++ {
		if i%rounds == 0 {
			q.highest = 0 // the same streams again
		}
		at := time.Duration(i)
		for k := range 2 {
			d = calls[2*(i%rounds)+k]
			d.First, d.Last = at, at
			feed(b, p, &d)
		}
	}
	if n == 0 {
		b.Fatal("no exchange")
	}
}
