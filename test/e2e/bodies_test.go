//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBodies sends and reads bodies in every framing, and holds their sizes and
// statuses against what curl saw.
func TestBodies(t *testing.T) {
	t.Run("clear", bodies)
	t.Run("TLS", func(t *testing.T) {
		speakTLS(t, "1.3")
		bodies(t)
	})
}

func bodies(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	megabyte := filepath.Join(t.TempDir(), "megabyte")
	require.NoError(t, os.WriteFile(megabyte, make([]byte, 1<<20), 0o600))

	const unsized = -1
	for _, c := range []struct {
		path     string
		status   int
		sent     int // bytes of the request's body
		received int
		curl     []string
		blind    bool // the body is chunked and longer than what is copied: its size is exact or absent
	}{
		{path: "/bytes/0", status: 200, sent: unsized, received: 0},
		{path: "/bytes/1", status: 200, sent: unsized, received: 1},
		{path: "/bytes/1000", status: 200, sent: unsized, received: 1000},
		{path: "/bytes/100000", status: 200, sent: unsized, received: 100_000},
		{path: "/bytes/10000000", status: 200, sent: unsized, received: 10_000_000},
		{path: "/chunked/1", status: 200, sent: unsized, received: 4000, blind: true},
		{path: "/chunked/500", status: 200, sent: unsized, received: 2_000_000, blind: true},
		{path: "/slowchunks/4", status: 200, sent: unsized, received: 16_000, blind: true},
		{path: "/eof/100", status: 200, sent: unsized, received: 100},
		{path: "/eof/1000000", status: 200, sent: unsized, received: 1_000_000},
		{path: "/head/6000", status: 200, sent: unsized, received: 0},
		{path: "/s/204/x", status: 204, sent: unsized, received: unsized},
		{path: "/s/304/x", status: 304, sent: unsized, received: unsized},
		{path: "/bytes/77/head", status: 200, sent: unsized, received: unsized, curl: []string{"-I"}},
		{path: "/s/200/delete", status: 200, sent: unsized, received: 11, curl: []string{"-X", "DELETE"}},
		{path: "/s/201/small", status: 201, sent: 5, received: 11, curl: []string{"-d", "hello"}},
		{path: "/s/201/large", status: 201, sent: 1 << 20, received: 11, curl: []string{"-H", "Expect:", "--data-binary", "@" + megabyte}},
		{path: "/s/201/continue", status: 201, sent: 1 << 20, received: 11, curl: []string{"-H", "Expect: 100-continue", "--data-binary", "@" + megabyte}},
		{path: "/s/201/chunked", status: 201, sent: 1 << 20, received: 11, curl: []string{"-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", "@" + megabyte}, blind: true},
		{path: "/s/201/put", status: 201, sent: 1 << 20, received: 11, curl: []string{"-T", megabyte}},
	} {
		t.Run(c.path, func(t *testing.T) {
			r := curl(t, append(c.curl, url(port, c.path))...)
			require.Equal(t, c.status, r.Status)
			require.Equal(t, max(c.received, 0), r.Received)
			require.GreaterOrEqual(t, r.Sent, c.sent)
			client, server := o.pair(t, c.path)
			for _, s := range []*Span{client, server} {
				require.Equal(t, c.status, s.code(), "%v", s)
				requireSize(t, c.sent, s.size("http.request.body.size"), c.blind)
				requireSize(t, c.received, s.size("http.response.body.size"), c.blind)
				require.NotContains(t, s.Attrs, "ebpf.capture.incomplete", "%v", s)
				require.NotContains(t, s.Attrs, "error.type", "%v", s)
			}
			requireEnclosed(t, []*Span{client, server})
		})
	}
	require.Empty(t, o.lost(t))
}

func requireSize(t *testing.T, want, got int, mayBeAbsent bool) {
	t.Helper()
	if !mayBeAbsent || got >= 0 {
		require.Equal(t, want, got)
	}
}

// size returns a size that the span tells, or -1.
func (s *Span) size(key string) int {
	if n, ok := s.Attrs[key].(int64); ok {
		return int(n)
	}
	return -1
}

// TestHugeBody counts the bytes of a body without copying them: a record stands
// for a system call, and holds none of it.
func TestHugeBody(t *testing.T) {
	const size = 200_000_000
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	path := "/bytes/" + strconv.Itoa(size)
	require.Equal(t, size, curl(t, url(port, path)).Received)
	client, server := o.pair(t, path)
	require.Equal(t, size, client.size("http.response.body.size"))
	require.Equal(t, size, server.size("http.response.body.size"))
	t.Logf("%d records for %d bytes", o.records(t), size)
	require.Less(t, o.records(t), int64(2*size/8192), "records: fewer than one for 8 KiB on each side")
	require.Empty(t, o.lost(t))
}

// TestSendfile sees the head of a response whose body never is in the memory of
// the server.
func TestSendfile(t *testing.T) {
	info, err := os.Stat("/proc/self/exe")
	require.NoError(t, err)
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	require.Equal(t, int(info.Size()), curl(t, url(port, "/file")).Received)
	client, server := o.pair(t, "/file")
	for _, s := range []*Span{client, server} {
		require.Equal(t, 200, s.code())
		require.Equal(t, int(info.Size()), s.size("http.response.body.size"), "%v", s)
	}
	requireEnclosed(t, []*Span{client})
}

// TestSilence leaves a connection open and silent behind a chunked response: the
// spans end with the last chunk, and come at once.
func TestSilence(t *testing.T) {
	port := freePort(t)
	o := observe(t, onPort(port))
	goServerOn(t, port)
	c := dial(t, local(port))
	c.write(t, "GET /slowchunks/3 HTTP/1.1\r\nHost: silence\r\n\r\n")
	require.Equal(t, []int{200}, c.responses(t, 1))
	answered := time.Now()
	client, server := o.pair(t, "/slowchunks/3")
	for _, s := range []*Span{client, server} {
		require.False(t, s.End.After(answered), "end of %v", s)
		require.Greater(t, s.End.Sub(s.Start), 100*time.Millisecond)
		require.Less(t, s.Arrived.Sub(answered), 2*time.Second, "arrival of %v", s)
	}
	time.Sleep(2 * time.Second)
	require.Len(t, o.seen(anySpan), 2)
	c.write(t, "GET /s/200/later HTTP/1.1\r\nHost: silence\r\n\r\n")
	require.Equal(t, []int{200}, c.responses(t, 1))
	o.pair(t, "/s/200/later")
}

// TestHeads sends heads of many sizes, in one call and in many.
func TestHeads(t *testing.T) {
	fields := strings.Repeat("X-Filler: "+strings.Repeat("f", 100)+"\r\n", 72) // 8 KB
	cookie := "Cookie: id=" + strings.Repeat("c", 12<<10) + "\r\n"
	for _, c := range []struct {
		name, head string
		piece      int // bytes of a call; 0: all in one
		cut        bool
	}{
		{"8 KB", fields, 0, false},
		{"12 KB", cookie, 0, false},
		{"20 KB", fields + cookie, 0, true},
		{"8 KB in pieces of 100", fields, 100, false},
		{"12 KB in pieces of 1000", cookie, 1000, false},
		{"20 KB in pieces of 1000", fields + cookie, 1000, true},
		{"1 byte at a time", "X-Small: 1\r\n", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := freePort(t)
			o := observe(t, onPort(port))
			goServerOn(t, port)
			end := dial(t, local(port))
			for i := range 2 {
				path := "/s/404/" + strconv.Itoa(i)
				end.writeIn(t, c.piece, "GET "+path+" HTTP/1.1\r\nHost: heads\r\n"+c.head+"X-Last: 1\r\n\r\n")
				require.Equal(t, []int{404}, end.responses(t, 1))
				client, server := o.pair(t, path)
				for _, s := range []*Span{client, server} {
					require.Equal(t, 404, s.code(), "%v", s)
					require.Equal(t, "GET", s.Attrs["http.request.method"])
					require.Equal(t, c.cut, s.Attrs["ebpf.capture.incomplete"] != nil, "%v", s)
				}
			}
		})
	}
}

// writeIn writes text in pieces, with pauses.
func (e end) writeIn(t testing.TB, size int, text string) {
	t.Helper()
	if size == 0 {
		size = len(text)
	}
	for len(text) > 0 {
		n := min(size, len(text))
		e.write(t, text[:n])
		text = text[n:]
		time.Sleep(time.Millisecond)
	}
}
