//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/internal/process"
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
)

// An eavesdropper follows the connections of a port as the pipeline does, and
// keeps what their handshakes said.
type eavesdropper struct {
	t       *testing.T
	probes  *probe.Probes
	tracker *conn.Tracker
	shakes  [2][]shake // by the side of the process, in the order they ended
	gone    []conn.Conn
	data    map[uint64]int // records of bytes, by connection
}

// A shake is one handshake.
type shake struct {
	proto.TLS
	Conn uint64
	Err  string
	Took time.Duration
}

func eavesdrop(t *testing.T, ports ...int) *eavesdropper {
	t.Helper()
	var ranges []probe.PortRange
	for _, port := range ports {
		ranges = append(ranges, probe.PortRange{First: uint16(port), Last: uint16(port)})
	}
	p, err := probe.Open(probe.Config{
		Include:      []probe.Target{{Ports: ranges}},
		CaptureBytes: 1024, RingBytes: 1 << 20, MaxConnections: 10000, Latency: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	e := &eavesdropper{t: t, probes: p}
	e.begin(t)
	return e
}

// begin forgets what was heard before.
func (e *eavesdropper) begin(t *testing.T) {
	p := e.probes
	*e = eavesdropper{t: t, probes: p, data: map[uint64]int{}}
	e.tracker = conn.NewTracker(conn.Config{
		Protocols: all.Protocols(all.Config{}), Sink: e, MaxConnections: 1000, Verdict: p.Verdict,
		Describe: func(r *event.Event) *process.Info { return &process.Info{ID: process.ID{PID: r.PID}} },
	})
}

// Exchange keeps what a handshake said.
func (e *eavesdropper) Exchange(c *conn.Conn, x *proto.Exchange) {
	if x.TLS != nil {
		e.shakes[x.Side] = append(e.shakes[x.Side], shake{TLS: *x.TLS, Conn: c.ID, Err: x.Err, Took: x.End - x.Start})
	}
}

func (e *eavesdropper) Acked(*conn.Conn, time.Duration, *proto.Meter) {}
func (e *eavesdropper) Exited(*process.Info)                          {}

// Gone keeps a connection that has ended.
func (e *eavesdropper) Gone(c *conn.Conn) { e.gone = append(e.gone, *c) }

// listen reads what the kernel says until n connections are gone, and what it
// has to say then.
func (e *eavesdropper) listen(n int) {
	e.t.Helper()
	for deadline := time.Now().Add(time.Minute); len(e.gone) < n && time.Now().Before(deadline); {
		e.drain()
	}
	require.Len(e.t, e.gone, n, "connections that have ended")
	require.Empty(e.t, e.tracker.Losses())
	for _, l := range e.probes.Losses() {
		require.Zero(e.t, l.Count, "%+v", l)
	}
}

func (e *eavesdropper) drain() {
	require.NoError(e.t, e.probes.Source().Drain(func(record []byte) {
		var r event.Event
		require.NoError(e.t, event.Decode(record, &r))
		if r.Kind == event.Data {
			e.data[r.Conn]++
		}
		e.tracker.Handle(&r)
	}))
	e.tracker.Tick(time.Now())
	require.NoError(e.t, e.probes.Source().Wait(20*time.Millisecond))
}

// freePorts returns TCP ports nobody listens on.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for len(ports) < n {
		if port := freePort(t); !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// serverName is whom the certificates of the tests are for.
const serverName = "shop.test"

// certify writes a certificate for serverName, its key beside it, and returns
// the file, and that of who signed it.
func certify(t testing.TB) (certificate, authority string) {
	t.Helper()
	dir := t.TempDir()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of " + dir}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	caKey := newKey(t)
	authority = filepath.Join(dir, "authority.pem")
	writeCertificate(t, authority, ca, ca, caKey, caKey)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	certificate, key := filepath.Join(dir, "server.pem"), newKey(t)
	writeCertificate(t, certificate, leaf, ca, key, caKey)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	writeBlock(t, keyOf(certificate), "PRIVATE KEY", der)
	return certificate, authority
}

// keyOf is the file of the key of a certificate.
func keyOf(certificate string) string { return certificate[:len(certificate)-len("pem")] + "key" }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func writeCertificate(t testing.TB, path string, c, by *x509.Certificate, key, byKey *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	require.NoError(t, err)
	writeBlock(t, path, "CERTIFICATE", der)
}

func writeBlock(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
