package all

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// helloOf returns the record a client begins with.
func helloOf(t *testing.T, name string) []byte {
	t.Helper()
	client, server := net.Pipe()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: name}).Handshake() }()
	hello := make([]byte, 4096)
	n, err := server.Read(hello)
	require.NoError(t, err)
	require.NoError(t, errors.Join(server.Close(), client.Close()))
	return hello[:n]
}

// tunneled says what becomes of a connection when these bytes follow a CONNECT and
// its answer, and then the connection is closed: names of the exchanges, and the
// last word of the parser.
func tunneled(from proto.Side, text []byte, size int) (names []string, last error) {
	http1 := Protocols(Config{})[0]
	p := http1.New(proto.Conn{Side: proto.Client}, func(x *proto.Exchange) {
		if x.TLS != nil {
			names = append(names, x.TLS.ServerName+" "+x.Err)
			return
		}
		names = append(names, x.Name)
	})
	say := func(from proto.Side, b []byte) {
		d := &proto.Data{From: from, Bytes: b, End: true, First: time.Second, Last: time.Second}
		for len(d.Bytes) > 0 && last == nil {
			n, err := p.Parse(d)
			var became *proto.Become
			if errors.As(err, &became) {
				p, err = became.Next, nil
			}
			if last = err; err == nil && n == 0 {
				last = io.ErrNoProgress
			}
			d.Bytes = d.Bytes[n:]
		}
	}
	say(proto.Client, []byte("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"))
	say(proto.Server, []byte("HTTP/1.1 200 Connection established\r\n\r\n"))
	for len(text) > 0 && last == nil {
		n := min(size, len(text))
		say(from, text[:n])
		text = text[n:]
	}
	p.Close(2*time.Second, proto.ReasonClosed)
	return names, last
}

// TestTunnel follows a connection from a CONNECT to TLS (RFC 9110 section 9.3.6), and
// to what is not.
func TestTunnel(t *testing.T) {
	for _, size := range []int{1, 5, 4096} {
		names, err := tunneled(proto.Client, helloOf(t, "a.test"), size)
		require.NoError(t, err)
		require.Equal(t, []string{"CONNECT", "a.test connection_closed"}, names)

		names, err = tunneled(proto.Client, []byte("SSH-2.0-x\r\n"), size)
		require.ErrorIs(t, err, proto.ErrStop)
		require.Equal(t, []string{"CONNECT"}, names)
	}
	_, err := tunneled(proto.Server, []byte("\x16\x03\x03\x00\x10\x02"), 4096)
	require.ErrorIs(t, err, proto.ErrStop, "a server does not begin")
}

// FuzzTunnel has anything follow a CONNECT.
func FuzzTunnel(f *testing.F) {
	f.Add(true, []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"), uint8(3))
	f.Add(false, []byte("220 ready\r\n"), uint8(255))
	f.Fuzz(func(t *testing.T, client bool, text []byte, size uint8) {
		from := proto.Server
		if client {
			from = proto.Client
		}
		names, _ := tunneled(from, text, int(size)+1)
		if len(names) == 0 || names[0] != "CONNECT" {
			t.Errorf("exchanges %q", names)
		}
	})
}
