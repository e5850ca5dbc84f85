package http1

import (
	"runtime"
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

const (
	wrk = "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"

	nginx = "HTTP/1.1 200 OK\r\nServer: nginx/1.26.0\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n" +
		"Content-Type: text/html\r\nContent-Length: 615\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n" +
		"Connection: keep-alive\r\nETag: \"6592000f-267\"\r\nAccept-Ranges: bytes\r\n\r\n"

	browser = "GET /products/1234/reviews?page=2&sort=new HTTP/1.1\r\nHost: shop.example.test\r\n" +
		"Connection: keep-alive\r\nsec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n" +
		"sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
		"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n" +
		"Referer: https://shop.example.test/products/1234\r\nAccept-Encoding: gzip, deflate, br\r\n" +
		"Accept-Language: en-US,en;q=0.9\r\nCookie: id=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n"
)

func BenchmarkKeepAlive(b *testing.B) { benchmark(b, proto.Server, http.Config{}, wrk) }

func BenchmarkClient(b *testing.B) { benchmark(b, proto.Client, http.Config{}, wrk) }

func BenchmarkBrowser(b *testing.B) { benchmark(b, proto.Server, http.Config{}, browser) }

func BenchmarkRoutes(b *testing.B) {
	benchmark(b, proto.Server, http.Config{
		Routes:         []string{"/products/{id}/reviews", "/products/{id}", "/users/{id}"},
		RequestHeaders: []string{"Referer"},
	}, browser)
}

// benchmark exchanges a request and a response with a body that was not captured.
func benchmark(b *testing.B, side proto.Side, c http.Config, request string) {
	n := 0
	conn := proto.Conn{Side: side, Local: addr("10.0.0.1:8080"), Remote: addr("10.0.0.2:40000")}
	p := New(c, nil, nil).New(conn, func(*proto.Exchange) { n++ })
	ask := proto.Data{From: proto.Client, Bytes: []byte(request), End: true}
	answer := proto.Data{From: proto.Server, Bytes: []byte(nginx)}
	body := proto.Data{From: proto.Server, Hole: 615}
	b.ReportAllocs()
	b.SetBytes(int64(len(request) + len(nginx)))
	for i := 0; b.Loop(); i++ {
		at := time.Duration(i)
		ask.First, ask.Last = 3*at, 3*at
		answer.First, answer.Last = 3*at+1, 3*at+1
		body.First, body.Last = 3*at+2, 3*at+2
		for _, d := range [...]*proto.Data{&ask, &answer, &body} {
			if used, err := p.Parse(d); used != d.Len() || err != nil {
				b.Fatal(used, err)
			}
		}
	}
	if n == 0 {
		b.Fatal("no exchange")
	}
}

// TestIdle bounds what an idle keep-alive connection costs.
func TestIdle(t *testing.T) {
	const connections = 10_000
	p := New(http.Config{}, nil, nil)
	parsers := make([]proto.Parser, connections)
	remote := proto.Conn{Side: proto.Server, Local: addr("10.0.0.1:8080"), Remote: addr("10.0.0.2:40000")}
	exchange := func() {
		q := p.New(remote, func(*proto.Exchange) {})
		for _, d := range []proto.Data{
			{From: proto.Client, Bytes: []byte(wrk), End: true},
			{From: proto.Server, Bytes: []byte(nginx)},
			{From: proto.Server, Hole: 615},
		} {
			if _, err := q.Parse(&d); err != nil {
				t.Fatal(err)
			}
		}
		parsers = append(parsers, q)
	}
	parsers = parsers[:0]
	exchange()
	before := heap()
	for range connections - 1 {
		exchange()
	}
	if each := (heap() - before) / connections; each > 1024 {
		t.Errorf("an idle parser takes %d bytes", each)
	} else {
		t.Logf("an idle parser takes %d bytes", each)
	}
	runtime.KeepAlive(parsers)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
