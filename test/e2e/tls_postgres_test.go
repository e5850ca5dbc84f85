//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestTLSInMidConnection is PostgreSQL, whose connections become TLS when both
// sides have agreed in cleartext. No parser reads its queries.
func TestTLSInMidConnection(t *testing.T) {
	speakTLS(t, "1.3")
	port := freePort(t)
	postgres(t, port)
	o := observe(t, onPort(port))
	const n = 3
	for range n {
		require.Equal(t, "t|TLSv1.3", psql(t, port, "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"))
	}
	time.Sleep(1500 * time.Millisecond) // a collection
	require.Empty(t, o.seen(anySpan))
	require.Empty(t, o.lost(t))
	o.stop()
	require.Equal(t, map[string]uint64{"client 1.3 false seen": n, "server 1.3 false seen": n}, o.counts("ebpf.tls.connection.count"))
	require.Equal(t, map[string]uint64{"client 1.3 false": n, "server 1.3 false": n}, o.counts("ebpf.tls.handshake.duration"))
}

// postgres starts a server of PostgreSQL that speaks TLS, with a database of its own.
func postgres(t testing.TB, port int) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	bin := filepath.Dir(found[0])
	dir, err := os.MkdirTemp("", "postgres") // one that others may enter
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	owner := own(t, dir)
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for from, to := range map[string]string{os.Getenv(apps.EnvCert): cert, os.Getenv(apps.EnvKey): key} {
		copyFile(t, from, to)
		require.NoError(t, os.Chmod(to, 0o600))
		own(t, to)
	}
	data := filepath.Join(dir, "data")
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), append([]string{"-D", data}, args...)...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		return cmd
	}
	out, err := command("initdb", "--no-sync", "--auth=trust", "--username=test").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := command("postgres", "-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", dir, "-F",
		"-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key, "-c", "ssl_min_protocol_version=TLSv"+os.Getenv(apps.EnvVersion))
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT) // its children too, at once
		_ = cmd.Wait()
	})
	waitListen(t, port)
}

// own gives a file to the user postgres: the server does not run as root.
func own(t testing.TB, path string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	require.NoError(t, os.Chown(path, uid, gid))
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func psql(t testing.TB, port int, query string) string {
	t.Helper()
	cmd := exec.Command("psql", "-XAt", "-c", query,
		fmt.Sprintf("host=127.0.0.1 port=%d user=test dbname=postgres sslmode=verify-ca sslrootcert=%s", port, os.Getenv(apps.EnvCert)))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}
