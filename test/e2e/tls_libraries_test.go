//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// A tlsLibrary is one that TestTLSMatrix does not have, by programs that use it.
type tlsLibrary struct {
	serve server // nil: only a client uses it
	send  client
	until string // the last version of TLS it speaks
}

var tlsLibraries = map[string]tlsLibrary{
	"boringssl": {
		serve: boringServer, until: "1.3",
		send: func(t testing.TB, l load) []apps.Result {
			return l.with(t, exec.Command(boringProgram(t, "client"), l.args()...))
		},
	},
	"php": {send: func(t testing.TB, l load) []apps.Result { return l.withScript(t, "client.php") }, until: "1.3"},
}

var fewTLSLoads = tlsLoads{kept: 80, fresh: 40}

// TestTLSLibraries is TestTLSMatrix with fewer programs: those of every library
// against each other where it has both, and against programs in Go.
func TestTLSLibraries(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		clients := map[string]client{}
		for _, name := range slices.Sorted(maps.Keys(tlsLibraries)) {
			l := tlsLibraries[name]
			if version > l.until {
				continue
			}
			clients[name] = l.send
			if l.serve != nil {
				librariesCell(t, name, version, l.serve, map[string]client{name: l.send, "go": tlsClients["go"]})
			}
		}
		librariesCell(t, "go", version, besideAll(version), clients)
	}
}

// besideAll is a server in Go beside which the libraries are in use already: the
// first calls come before a file is probed that is new.
func besideAll(version string) server {
	return func(t testing.TB, port int) func() map[string]int {
		for _, l := range tlsLibraries {
			if l.serve != nil && version <= l.until {
				l.serve(t, freePort(t))
			}
		}
		return goServerOn(t, port)
	}
}

func librariesCell(t *testing.T, name, version string, serve server, clients map[string]client) {
	t.Run(name+" "+version, func(t *testing.T) {
		speakTLS(t, version)
		for _, s := range tlsMatrixOf(t, serve, clients, fewTLSLoads) {
			require.Equal(t, version, s.Attrs["tls.protocol.version"], "%v", s)
		}
	})
}

// boringPrograms are those of test/apps/boringssl, compiled once.
var boringPrograms = sync.OnceValues(func() (dir string, err error) {
	if dir, err = filepath.Abs("../../bin"); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, errors.Join(compileBoring(dir, "server", boringLibraries), compileBoring(dir, "client", boringLibraries))
})

// boringLibraries is where Debian has them: the linker does not look there by itself.
var boringLibraries = "/usr/lib/" + triplet + "/android"

// compileBoring makes a program that finds its libraries in a directory.
func compileBoring(dir, name, libraries string) error {
	out, err := exec.Command("gcc", "-O2", "-D_GNU_SOURCE", "-I/usr/include/android", "-o", boringPath(dir, name),
		"../apps/boringssl/"+name+".c", "-L"+boringLibraries, "-Wl,-rpath,"+libraries, "-lssl", "-lcrypto", "-pthread").CombinedOutput()
	if err != nil {
		return fmt.Errorf("compiling the %s with BoringSSL: %w: %s", name, err, out)
	}
	return nil
}

func boringPath(dir, name string) string { return filepath.Join(dir, "test-boringssl-"+name) }

func boringProgram(t testing.TB, name string) string {
	t.Helper()
	dir, err := boringPrograms()
	require.NoError(t, err)
	return boringPath(dir, name)
}

func boringServer(t testing.TB, port int) func() map[string]int {
	t.Helper()
	return countingServer(t, exec.Command(boringProgram(t, "server"), strconv.Itoa(port)), port)
}

// TestTLSOwnLibrary is a program that brings its library along: nobody has used it
// before, and only the program says where it is. It connects when it has its paths,
// which is before a second look at what it has loaded.
func TestTLSOwnLibrary(t *testing.T) {
	speakTLS(t, "1.3")
	port := freePort(t)
	goServerOn(t, port)
	o := observe(t, onPort(port))
	dir := t.TempDir()
	for _, library := range []string{"/libssl.so.0", "/libcrypto.so.0"} {
		copyFile(t, boringLibraries+library, dir+library)
	}
	require.NoError(t, compileBoring(dir, "client", "$ORIGIN"))
	p := start(t, exec.Command(boringPath(dir, "client"), load{port: port}.args()...))
	time.Sleep(500 * time.Millisecond)
	require.NoError(t, json.NewEncoder(p.in).Encode(apps.Paths("own-", 10)))
	require.NoError(t, p.in.Close())
	var results []apps.Result
	require.NoError(t, json.NewDecoder(p.out).Decode(&results))
	require.Len(t, results, 10)
	requireSent(t, results, o.await(20, anySpan))
}

// TestTLSGit has git ask for repositories that no server has. Its requests go to
// the paths it makes of theirs.
func TestTLSGit(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		t.Run(version, func(t *testing.T) {
			speakTLS(t, version)
			port := freePort(t)
			counts := goServerOn(t, port)
			listen(t, local(freePort(t))) // see tlsMatrixOf
			o := observe(t, onPort(port))
			var results []apps.Result
			for i, status := range []int{200, 404, 500, 503, 404, 200} {
				results = append(results, git(t, url(port, fmt.Sprintf("/s/%d/git-%d", status, i)), i))
			}
			spans := o.settle(2 * len(results))
			requireTruth(t, results, counts(), spans)
			for _, s := range spans {
				require.Equal(t, version, s.Attrs["tls.protocol.version"], "%v", s)
			}
			require.Empty(t, o.lost(t))
		})
	}
}

// git asks for the references of a repository, and returns what its trace says of
// the one answer.
func git(t testing.TB, repository string, i int) apps.Result {
	t.Helper()
	cmd := exec.Command("git", "-c", "http.version=HTTP/1.1", "ls-remote", repository)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "HOME=" + t.TempDir(), "GIT_TERMINAL_PROMPT=0",
		"GIT_SSL_CAINFO=" + os.Getenv(apps.EnvCert), "GIT_TRACE_CURL=1", "GIT_TRACE_CURL_NO_DATA=1", "LC_ALL=C"}
	out, _ := cmd.CombinedOutput() // it fails: there is no repository
	_, rest, found := strings.Cut(string(out), "<= Recv header: HTTP/1.1 ")
	require.True(t, found && !strings.Contains(rest, "<= Recv header: HTTP/1.1 "), "one answer: %s", out)
	var status int
	_, err := fmt.Sscan(rest, &status)
	require.NoError(t, err)
	return apps.Result{Path: fmt.Sprintf("/s/%d/git-%d/info/refs?service=git-upload-pack", status, i), Status: status}
}
