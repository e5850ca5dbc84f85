//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestPipelining sends twenty requests before it reads an answer: in one call
// and in twenty.
func TestPipelining(t *testing.T) {
	const n = 20
	statuses := []int{200, 404, 500, 201}
	var want []int
	var requests []string
	for i := range n {
		status := statuses[i%len(statuses)]
		want = append(want, status)
		requests = append(requests, fmt.Sprintf("GET /s/%d/%02d HTTP/1.1\r\nHost: pipeline\r\n\r\n", status, i))
	}
	for _, c := range []struct {
		name   string
		writes []string
	}{
		{"one write", []string{strings.Join(requests, "")}},
		{"twenty writes", requests},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			goServerOn(t, port)
			end := dial(t, local(port))
			for _, w := range c.writes {
				end.write(t, w)
			}
			require.Equal(t, want, end.responses(t, n))
			require.NoError(t, end.in.Close())
			spans := o.settle(2 * n)
			requireOrder(t, want, spans, ptrace.SpanKindServer)
			requireOrder(t, want, spans, ptrace.SpanKindClient)
			require.Empty(t, o.lost(t))
		})
	}
}

// TestDeepPipelining sends more requests in one call than capture_bytes hold.
func TestDeepPipelining(t *testing.T) {
	const n = 20
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	end := dial(t, local(port))
	var requests strings.Builder
	var want []int
	for i := range n {
		want = append(want, 200)
		fmt.Fprintf(&requests, "GET /s/200/%02d HTTP/1.1\r\nHost: pipeline\r\nX-Filler: %s\r\n\r\n", i, strings.Repeat("f", 60))
	}
	end.write(t, requests.String())
	require.Equal(t, want, end.responses(t, n))
	require.NoError(t, end.in.Close())
	spans := o.settle(2 * n)
	requireOrder(t, want, spans, ptrace.SpanKindServer)
	requireOrder(t, want, spans, ptrace.SpanKindClient)
	require.Empty(t, o.lost(t))
}

// requireOrder checks that the spans of a kind tell of requests 00, 01, ... with
// these statuses.
func requireOrder(t *testing.T, statuses []int, spans []*Span, kind ptrace.SpanKind) {
	t.Helper()
	var got, want []string
	for i, status := range statuses {
		want = append(want, fmt.Sprintf("/s/%d/%02d %d", status, i, status))
	}
	for _, s := range spans {
		if s.Kind != kind {
			continue
		}
		got = append(got, fmt.Sprint(s.path(), " ", s.code()))
	}
	require.Equal(t, want, got, "%v spans", kind)
}

// TestProxy follows a request in absolute form, and a tunnel, through a proxy.
func TestProxy(t *testing.T) {
	port, proxyPort := freePort(t), freePort(t)
	o := observe(t, fmt.Sprintf("{targets: {include: [{ports: [%d, %d]}]}}", port, proxyPort))
	goServerOn(t, port)
	start(t, apps.Command("proxy", local(proxyPort))).line(t)

	t.Run("absolute form", func(t *testing.T) {
		path := "/s/404/absolute"
		require.Equal(t, 404, curl(t, "-x", local(proxyPort), url(port, path)).Status)
		spans := o.await(4, at(path))
		require.Equal(t, map[string]int{"GET " + path + " 404": 2}, tally(spans, ptrace.SpanKindClient))
		require.Equal(t, map[string]int{"GET " + path + " 404": 2}, tally(spans, ptrace.SpanKindServer))
		for _, s := range spans {
			require.EqualValues(t, port, s.Attrs["server.port"], "%v", s)
			if s.Kind == ptrace.SpanKindClient {
				require.Equal(t, url(port, path), s.Attrs["url.full"])
			}
		}
	})
	t.Run("CONNECT", func(t *testing.T) {
		path := "/s/201/tunneled"
		require.Equal(t, 201, curl(t, "-p", "-x", local(proxyPort), url(port, path)).Status)
		inner := o.await(2, at(path))
		require.Equal(t, map[string]int{"GET " + path + " 201": 1}, tally(inner, ptrace.SpanKindClient), "the proxy's")
		require.Equal(t, map[string]int{"GET " + path + " 201": 1}, tally(inner, ptrace.SpanKindServer), "the server's")
		outer := o.await(2, isConnect)
		require.Len(t, outer, 2)
		for _, s := range outer {
			require.Equal(t, 200, s.code(), "%v", s)
			require.NotContains(t, s.Attrs, "error.type")
			require.EqualValues(t, port, s.Attrs["server.port"], "%v", s)
		}
	})
	require.Len(t, o.seen(anySpan), 8)
}

func isConnect(s *Span) bool { return s.Attrs["http.request.method"] == "CONNECT" }

// TestUpgrade leaves a connection alone once it speaks another protocol.
func TestUpgrade(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	end := dial(t, local(port))
	end.write(t, "GET /upgrade HTTP/1.1\r\nHost: upgrade\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	require.Equal(t, []int{101}, end.responses(t, 1))
	client, server := o.pair(t, "/upgrade")
	for _, s := range []*Span{client, server} {
		require.Equal(t, 101, s.code())
		require.NotContains(t, s.Attrs, "error.type")
	}
	before := o.records(t)
	for range 100 {
		line := "GET /s/200/not-http HTTP/1.1\r\n"
		end.write(t, line)
		end.expect(t, line)
	}
	require.NoError(t, end.in.Close())
	require.Len(t, o.settle(2), 2)
	require.Less(t, o.records(t)-before, int64(20), "records after the upgrade")
	require.Empty(t, o.lost(t))
}

// TestIPv6 observes a connection over IPv6.
func TestIPv6(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	_, counts := goServer(t, fmt.Sprintf("[::1]:%d", port))
	results := goClient(t, "-url", fmt.Sprintf("http://[::1]:%d", port), "-n", "50", "-c", "5")
	spans := o.settle(100)
	requireTruth(t, results, counts(), spans)
	for _, s := range spans {
		require.Equal(t, "::1", s.Attrs["network.peer.address"])
		require.Equal(t, "::1", s.Attrs["server.address"])
		require.EqualValues(t, port, s.Attrs["server.port"])
	}
	require.Empty(t, o.lost(t))
}

// TestCalls moves the bytes with every pair of system calls that Python has.
func TestCalls(t *testing.T) {
	for _, way := range []string{"send", "sendto", "write", "writev", "sendmsg", "peek", "bytes"} {
		t.Run(way, func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			counts := goServerOn(t, port)
			args := []string{strconv.Itoa(port), way}
			for i := range 10 {
				args = append(args, fmt.Sprintf("/s/%d/%s%d", []int{200, 404}[i%2], way, i))
			}
			out, err := apps.Script("sockets.py", args...).Output()
			require.NoError(t, err)
			var results []apps.Result
			require.NoError(t, json.Unmarshal(out, &results))
			requireTruth(t, results, counts(), o.settle(20))
			require.Empty(t, o.lost(t))
		})
	}
}

// TestConversation plays both sides word for word: heads split in the middle,
// an interim response, a body that looks like a request, trailers.
func TestConversation(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	server := listen(t, local(port))
	client := dial(t, local(port))
	say := func(from, to end, texts ...string) {
		t.Helper()
		for _, text := range texts {
			from.write(t, text)
			to.expect(t, text)
		}
	}
	say(client, server, "POST /odd HT", "TP/1.1\r\nHost: a\r\nContent-Le", "ngth: 30\r\n\r", "\n")
	say(server, client, "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
	say(client, server, "GET /fake HTTP/1.1\r\n\r\n", "01234567")
	say(server, client, "HT", "TP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "0\r\n", "X-Sum: 1\r\n", "\r\n")
	say(client, server, "PROPFIND-X /other HTTP/1.0\r\n\r\n")
	say(server, client, "HTTP/1.0 200 OK\r\n\r\nabcdef")
	require.NoError(t, server.in.Close())

	c, s := o.pair(t, "/odd")
	for _, span := range []*Span{c, s} {
		require.Equal(t, 202, span.code())
		require.Equal(t, 30, span.size("http.request.body.size"))
		require.Equal(t, 3, span.size("http.response.body.size"))
	}
	c, s = o.pair(t, "/other")
	for _, span := range []*Span{c, s} {
		require.Equal(t, "_OTHER", span.Attrs["http.request.method"])
		require.Equal(t, "PROPFIND-X", span.Attrs["http.request.method_original"])
		require.Equal(t, "1.0", span.Attrs["network.protocol.version"])
		require.Equal(t, 200, span.code())
		require.Equal(t, 6, span.size("http.response.body.size"))
	}
	require.Len(t, o.settle(4), 4)
	require.Empty(t, o.lost(t))
	require.Less(t, time.Duration(0), s.End.Sub(s.Start))
}
