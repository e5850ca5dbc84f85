//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// A certificate is a self-signed one for 127.0.0.1, and the files that hold it and its key.
type certificate struct{ cert, key string }

func newCertificate(t testing.TB) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	return certificate{
		cert: writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", der),
		key:  writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", private),
	}
}

func writePEM(t testing.TB, path, kind string, der []byte) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// speakTLS makes the programs that the test starts speak a version of TLS.
func speakTLS(t testing.TB, version string) {
	t.Helper()
	c := newCertificate(t)
	t.Setenv(apps.EnvCert, c.cert)
	t.Setenv(apps.EnvKey, c.key)
	t.Setenv(apps.EnvVersion, version)
}

// TestTLSMatrix is TestMatrix over TLS: every client against every server.
func TestTLSMatrix(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			t.Run(name+" "+version, func(t *testing.T) {
				speakTLS(t, version)
				tlsMatrixOf(t, servers[name])
			})
		}
	}
}

func tlsMatrixOf(t *testing.T, serve server) {
	port := freePort(t)
	counts := serve(t, port)
	o := observe(t, onPort(port))
	total := 0
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		for _, fresh := range []bool{false, true} {
			l := load{port: port, concurrent: 4, fresh: fresh, n: 250}
			if fresh {
				l.n = 75
			}
			l.prefix = fmt.Sprintf("%s-%v-", name, fresh)
			total += l.n
			t.Run(l.prefix, func(t *testing.T) { matrixCell(t, o, clients[name], l) })
		}
	}
	fmt.Println(o.lost(t))
	requireCounts(t, counts(), tally(o.settle(2*total), ptrace.SpanKindServer), "server spans")
	require.Empty(t, o.lost(t), "losses")
}
