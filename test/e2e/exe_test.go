//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// TestProbePoints puts probes where internal/exe says, and holds what they see
// against what the program says of its calls.
func TestProbePoints(t *testing.T) {
	cert, key := certificate(t)
	t.Run("OpenSSL", func(t *testing.T) {
		p := start(t, python(t, "openssl.py", cert, key))
		compare(t, p, exe.OpenSSL, mapped(t, p, "libssl.so.3"))
	})
	t.Run("GnuTLS", func(t *testing.T) {
		p := start(t, python(t, "gnutls.py", cert, key))
		compare(t, p, exe.GnuTLS, mapped(t, p, "libgnutls.so.30"))
	})
	t.Run("Node", func(t *testing.T) { totals(t, start(t, exec.Command("node", "testdata/exe/tls.js", cert, key))) })
	for _, flags := range [][]string{nil, {"-ldflags=-s -w"}, {"-buildmode=pie", "-ldflags=-s -w -linkmode=external"}} {
		t.Run("Go"+strings.Join(flags, ""), func(t *testing.T) {
			path := goProgram(t, flags...)
			compare(t, start(t, exec.Command(path, cert, key)), exe.GoTLS, path)
		})
	}
}

// compare runs a program that waits for its turn, and says what it has called.
func compare(t *testing.T, p *program, kind exe.Kind, path string) {
	if kind == exe.GoTLS {
		require.Equal(t, "ready", p.line(t))
	}
	l := library(t, path, kind)
	w := watchCalls(t, path, p.cmd.Process.Pid, l)
	_, err := fmt.Fprintln(p.in)
	require.NoError(t, err)
	sessions := make(map[uint64]bool)
	var want []called
	for line := p.line(t); line != "done"; line = p.line(t) {
		var c called
		var text string
		if n, _ := fmt.Sscanf(line, "random %d %s", &c.session, &text); n == 2 {
			require.Equal(t, text, hex.EncodeToString(clientRandom(t, p.cmd.Process.Pid, c.session, l.Random)))
			continue
		}
		_, err := fmt.Sscanf(line, "call %s %d %d %d %d %d", &c.name, &c.session, &c.address, &c.size, &c.result, &c.moved)
		require.NoError(t, err, line)
		sessions[c.session] = true
		want = append(want, c)
	}
	got := w.calls(t)
	for session := range sessions {
		require.Equal(t, of(session, kind, want), of(session, kind, got))
	}
	t.Logf("%d calls of %d sessions", len(want), len(sessions))
}

// totals compares the bytes that a program of Node has moved; its calls of OpenSSL nobody counts.
func totals(t *testing.T, p *program) {
	require.Equal(t, "ready", p.line(t))
	path := fmt.Sprintf("/proc/%d/exe", p.cmd.Process.Pid)
	w := watchCalls(t, path, p.cmd.Process.Pid, library(t, path, exe.OpenSSL))
	_, err := fmt.Fprintln(p.in)
	require.NoError(t, err)
	var want, read, written int64
	_, err = fmt.Sscanf(p.line(t), "moved %d", &want)
	require.NoError(t, err)
	require.Equal(t, "done", p.line(t))
	for _, c := range w.calls(t) {
		switch c.name {
		case "SSL_read":
			read += max(c.result, 0)
		case "SSL_write":
			written += max(c.result, 0)
		}
	}
	require.Equal(t, []int64{want, want}, []int64{read, written})
	t.Logf("%d bytes", want)
}

// of are the calls of a session that moved or could have moved something, as far as a probe sees them.
func of(session uint64, kind exe.Kind, calls []called) (some []called) {
	for _, c := range calls {
		switch {
		case c.session != session, c.op == exe.Handshake:
			continue
		case strings.HasSuffix(c.name, "uncork"):
			c.address, c.size = 0, 0
		case !strings.HasSuffix(c.name, "_ex"):
			c.moved = 0
		}
		c.op = 0
		if kind == exe.GoTLS && (c.result < 1 || c.result > c.size) {
			c.result = 0
		}
		c.size = int64(int32(c.size))
		some = append(some, c)
	}
	return some
}

func library(t *testing.T, path string, kind exe.Kind) exe.Library {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	libraries, err := exe.Find(f)
	require.NoError(t, err)
	for _, l := range libraries {
		if l.Kind == kind {
			return l
		}
	}
	t.Fatalf("no %s in %s", kind, path)
	return exe.Library{}
}

// clientRandom follows exe.Library.Random in a process.
func clientRandom(t *testing.T, pid int, session uint64, way []int32) []byte {
	require.NotEmpty(t, way)
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	require.NoError(t, err)
	defer memory.Close()
	b := make([]byte, 32)
	for _, off := range way[:len(way)-1] {
		_, err := memory.ReadAt(b[:8], int64(session)+int64(off))
		require.NoError(t, err)
		session = binary.NativeEndian.Uint64(b)
	}
	_, err = memory.ReadAt(b, int64(session)+int64(way[len(way)-1]))
	require.NoError(t, err)
	return b
}

func python(t *testing.T, name string, args ...string) *exec.Cmd {
	cmd := exec.Command("python3", append([]string{filepath.Join("testdata", "exe", name)}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// mapped waits until a program is ready, and returns the path of a library it has mapped.
func mapped(t *testing.T, p *program, name string) string {
	require.Equal(t, "ready", p.line(t))
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.cmd.Process.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(maps)) {
		if path := line[strings.IndexByte(line, '/')+1:]; strings.Contains(path, "/"+name) {
			return "/" + strings.TrimSpace(path)
		}
	}
	t.Fatalf("%s is not mapped", name)
	return ""
}

// goProgram builds the program in testdata/exe.
func goProgram(t *testing.T, flags ...string) string {
	text, err := os.ReadFile("testdata/exe/tls.go.txt")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/main.go", text, 0o600))
	args := append([]string{"build", "-o", dir + "/tls"}, flags...)
	cmd := exec.Command("go", append(args, dir+"/main.go")...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return dir + "/tls"
}

// certificate makes a certificate and its key, and returns where they are.
func certificate(t *testing.T) (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600))
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}
