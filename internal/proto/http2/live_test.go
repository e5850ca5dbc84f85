package http2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// A tap gives what crosses a connection to a parser, as calls that move it.
type tap struct {
	net.Conn
	mu   *sync.Mutex
	feed func(from proto.Side, b []byte)
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.feed(proto.Server, b[:n])
	return n, err
}

func (c *tap) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.feed(proto.Client, b)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// told is what the exchanges say.
type told struct {
	all, paths, statuses, wrong int
}

func (r *told) exchange(x *proto.Exchange) {
	r.all++
	url, status, asked := text(x, "url.full"), text(x, "http.response.status_code"), ""
	for _, a := range x.Attrs {
		if a.Key == "http.response.header.x-asked" {
			asked = a.List[0]
		}
	}
	_, path, _ := strings.Cut(url, "/q/")
	if path != "" {
		r.paths++
	}
	if status != "" {
		r.statuses++
	}
	if path != "" && asked != "" && path != asked || status != "" && asked != "" && !strings.HasPrefix(asked, status) {
		r.wrong++
	}
}

// talk has a client and a server of net/http exchange requests over one
// connection, many at once, and taps it from the one with number join on.
func talk(t *testing.T, requests, join int) *told {
	server := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked := strings.TrimPrefix(r.URL.Path, "/q/")
		status := 0
		_, _ = fmt.Sscanf(asked, "%03d", &status)
		w.Header().Set("X-Asked", asked)
		w.WriteHeader(status)
		_, _ = w.Write(make([]byte, len(asked)*1000))
	}))
	server.Config.Protocols = new(nethttp.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()

	var mu sync.Mutex
	report, tapped := &told{}, join == 0
	protocol, _ := New(http.Config{ResponseHeaders: []string{"x-asked"}})
	parser := protocol.New(proto.Conn{Side: proto.Client}, report.exchange)
	start := time.Now()
	var left [2][]byte
	feedTap := func(from proto.Side, b []byte) {
		if !tapped || len(b) == 0 {
			return
		}
		at := time.Since(start)
		all := append(left[from], b...)
		left[from] = append([]byte(nil), feed(t, parser, &proto.Data{From: from, Bytes: all, First: at, Last: at, End: true})...)
	}
	transport := &nethttp.Transport{
		Protocols: server.Config.Protocols,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &tap{c, &mu, feedTap}, err
		},
	}
	defer transport.CloseIdleConnections()
	client := &nethttp.Client{Transport: transport}
	get := func(i int) error {
		r := rand.New(rand.NewPCG(uint64(i), 0))
		path := fmt.Sprintf("%d-%d", 200+r.IntN(300), r.IntN(20))
		if strings.HasPrefix(path, "204") || strings.HasPrefix(path, "304") {
			path = "200-0"
		}
		resp, err := client.Post(server.URL+"/q/"+path, "text/plain", strings.NewReader(strings.Repeat("x", r.IntN(100000))))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	for i := range join {
		if err := get(i); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	tapped = true
	mu.Unlock()
	if err := get(0); err != nil { // the only connection is there
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range requests - 1 {
		wg.Go(func() {
			if err := get(i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	parser.Close(time.Since(start), proto.ReasonClosed)
	return report
}

func TestLive(t *testing.T) {
	const requests = 90
	if got := *talk(t, requests, 0); got != (told{requests, requests, requests, 0}) {
		t.Errorf("%+v", got)
	}
}

// TestLiveJoined joins the connection after some requests: all are counted, and
// what is said is right.
func TestLiveJoined(t *testing.T) {
	const requests = 90
	got := *talk(t, requests, 20)
	if got.all != requests || got.wrong != 0 || got.paths == 0 || got.statuses == 0 {
		t.Errorf("%+v", got)
	}
	t.Logf("%+v", got)
}
