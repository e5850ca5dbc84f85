package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

func TestSuites(t *testing.T) {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			require.Equal(t, s.Name, suites[s.ID])
		}
	}
}

func TestAlertName(t *testing.T) {
	require.Equal(t, "unknown_ca", alertName(48))
	require.Equal(t, "alert_199", alertName(199))
}

// TestLongHello holds the bound of what is kept of a message, however long it says it is.
func TestLongHello(t *testing.T) {
	p := newParser(proto.Conn{}, func(*proto.Exchange) { t.Error("an exchange") })
	fragment := bytes.Repeat([]byte{0}, 16384)
	copy(fragment, "\x01\xff\xff\xff\x03\x03")
	record := append([]byte("\x16\x03\x01\x40\x00"), fragment...)
	for range 1000 {
		d := &proto.Data{From: proto.Client, Bytes: record}
		n, err := p.Parse(d)
		require.NoError(t, err)
		require.Equal(t, uint64(len(record)), n)
		require.LessOrEqual(t, cap(p.sides[proto.Client].body), 2*maxHello)
	}
}

// TestArrival has the handshake begin when the hello came to the socket of the server.
func TestArrival(t *testing.T) {
	for side, want := range map[proto.Side]time.Duration{proto.Server: 5, proto.Client: 9} {
		var got *proto.TLS
		p := newParser(proto.Conn{Side: side}, func(x *proto.Exchange) { got = x.TLS })
		_, err := p.Parse(&proto.Data{Bytes: []byte("\x16\x03\x01\x00\x10\x01"), First: 9, Front: &proto.Moment{Time: 9, Arrived: 5}})
		require.NoError(t, err)
		p.Close(11, proto.ReasonReset)
		require.Equal(t, want, got.Start)
		require.Equal(t, time.Duration(11), got.End)
	}
}

// said returns what two ends of Go say to each other.
func said(b *testing.B) (steps []proto.Data) {
	b.Helper()
	certificate := selfSigned(b)
	c, s := net.Pipe()
	server := tls.Server(&recorded{s, proto.Server, &steps}, &tls.Config{
		Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: true, // nothing is written behind the handshake
	})
	client := tls.Client(&recorded{c, proto.Client, &steps}, &tls.Config{InsecureSkipVerify: true})
	go func() { _ = server.Handshake() }()
	require.NoError(b, client.Handshake())
	return steps
}

func selfSigned(b *testing.B) tls.Certificate {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(b, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// recorded keeps what is written.
type recorded struct {
	net.Conn
	from  proto.Side
	steps *[]proto.Data
}

func (r *recorded) Write(p []byte) (int, error) {
	*r.steps = append(*r.steps, proto.Data{From: r.from, Bytes: bytes.Clone(p)})
	return r.Conn.Write(p)
}

func BenchmarkHandshake(b *testing.B) {
	steps := said(b)
	b.ReportAllocs()
	for b.Loop() {
		p := newParser(proto.Conn{}, func(*proto.Exchange) {})
		var err error
		for i := range steps {
			d := steps[i]
			_, err = p.Parse(&d)
		}
		if !errors.Is(err, proto.ErrCarry) {
			b.Fatal(err)
		}
	}
}
