//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// A shakingServer serves on a port of 127.0.0.1, with a version of TLS at most, and
// the protocols h2 and http/1.1.
type shakingServer func(t testing.TB, port int, version, certificate string)

var shakingServers = map[string]shakingServer{"go": goTLSServer, "openssl": opensslServer}

func goTLSServer(t testing.TB, port int, version, certificate string) {
	start(t, apps.Command("tlsserver", "-version", version, "-cert", certificate, "-alpn", "h2,http/1.1", local(port))).line(t)
}

// opensslServer is openssl s_server, which sends back a page.
func opensslServer(t testing.TB, port int, version, certificate string) {
	opensslServerWith(t, port, certificate, atMost[version]...)
}

// atMost are the options of openssl for a version at most.
var atMost = map[string][]string{"1.2": {"-tls1_2"}, "1.3": nil}

func opensslServerWith(t testing.TB, port int, certificate string, args ...string) {
	t.Helper()
	args = append([]string{"s_server", "-accept", local(port), "-quiet", "-www", "-alpn", "h2,http/1.1",
		"-cert", certificate, "-key", keyOf(certificate)}, args...)
	start(t, exec.Command("openssl", args...))
	waitListen(t, port)
}

// A shakingClient connects to a port of 127.0.0.1, offering http/1.1, and says what
// it knows of the handshake.
type shakingClient func(t testing.TB, port int, authority string) apps.Handshake

var shakingClients = map[string]shakingClient{"go": goTLSClient, "openssl": opensslClient, "curl": curlTLS}

func goTLSClient(t testing.TB, port int, authority string) apps.Handshake {
	all := goTLSClientWith(t, port, authority, "-alpn", "http/1.1")
	require.Len(t, all, 1)
	return all[0]
}

func goTLSClientWith(t testing.TB, port int, authority string, args ...string) (all []apps.Handshake) {
	t.Helper()
	args = append([]string{"-ca", authority, "-name", serverName}, args...)
	out, err := apps.Command("tlsclient", append(args, local(port))...).Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &all))
	return all
}

var (
	opensslSession  = regexp.MustCompile(`(?m)^(New|Reused), TLSv(\S+), Cipher is (\S+)$`)
	opensslProtocol = regexp.MustCompile(`(?m)^ALPN protocol: (\S+)$`)
	curlSession     = regexp.MustCompile(`SSL connection using TLSv(\S+) / (\S+)`)
	curlProtocol    = regexp.MustCompile(`ALPN: server accepted (\S+)`)
)

func opensslClient(t testing.TB, port int, authority string) apps.Handshake {
	t.Helper()
	out := opensslClientWith(t, port, authority, "-alpn", "http/1.1")
	session := opensslSession.FindAllStringSubmatch(out, 1)
	require.Len(t, session, 1, out)
	return apps.Handshake{
		Version: numeric(session[0][2], out), Cipher: registered(t, session[0][3]),
		NextProtocol: first(opensslProtocol, out), ServerName: serverName, Resumed: session[0][1] == "Reused",
	}
}

// numeric is the version that was negotiated: openssl names the one the cipher
// suite is of, and the session's below.
func numeric(ofSuite, out string) string {
	if session := regexp.MustCompile(`Protocol  : TLSv(\S+)`).FindStringSubmatch(out); session != nil {
		return session[1]
	}
	return ofSuite
}

func opensslClientWith(t testing.TB, port int, authority string, args ...string) string {
	t.Helper()
	cmd := exec.Command("openssl", append(opensslClientArgs(port, authority), args...)...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
	out, _ := cmd.CombinedOutput() // it fails when the handshake does
	return string(out)
}

func opensslClientArgs(port int, authority string) []string {
	return []string{"s_client", "-connect", local(port), "-servername", serverName, "-CAfile", authority, "-verify_return_error"}
}

// registered is the registered name of a cipher suite of openssl.
func registered(t testing.TB, name string) string {
	t.Helper()
	if strings.HasPrefix(name, "TLS_") {
		return name
	}
	out, err := exec.Command("openssl", "ciphers", "-stdname", name).Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == name {
			return f[0]
		}
	}
	t.Fatalf("no suite %s", name)
	return ""
}

func curlTLS(t testing.TB, port int, authority string) apps.Handshake {
	t.Helper()
	cmd := curlCommand(curlTLSArgs(port, authority, "-v")...)
	cmd.Stderr = nil
	out, _ := cmd.CombinedOutput() // a server of ours sends the request back
	session := curlSession.FindAllStringSubmatch(string(out), 1)
	require.Len(t, session, 1, string(out))
	return apps.Handshake{
		Version: session[0][1], Cipher: registered(t, session[0][2]), NextProtocol: first(curlProtocol, string(out)),
		ServerName: serverName,
	}
}

func curlTLSArgs(port int, authority string, args ...string) []string {
	return append(args, "-s", "--http1.1", "--max-time", "5", "--http0.9", "--cacert", authority,
		"--resolve", fmt.Sprintf("%s:%d:127.0.0.1", serverName, port), "https://"+serverName+":"+strconv.Itoa(port)+"/")
}

func first(re *regexp.Regexp, text string) string {
	if m := re.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
