//go:build linux

package e2e

import (
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestHandshakes holds what both ends of handshakes are seen to say against what
// the client itself says of them.
func TestHandshakes(t *testing.T) {
	certificate, authority := certify(t)
	ports := freePorts(t, 2*len(shakingServers)*len(shakingClients))
	e := eavesdrop(t, ports...)
	for server, serve := range shakingServers {
		for client, connect := range shakingClients {
			for _, version := range []string{"1.2", "1.3"} {
				port := ports[0]
				ports = ports[1:]
				t.Run(client+" to "+server+" TLS "+version, func(t *testing.T) {
					e.begin(t)
					serve(t, port, version, certificate)
					want := connect(t, port, authority)
					require.Equal(t, version, want.Version, "what the client says")
					e.listen(2)
					for side, shakes := range e.shakes {
						require.Len(t, shakes, 1, "side %d", side)
						requireHandshake(t, &want, &shakes[0])
					}
					requireCarriers(t, e)
				})
			}
		}
	}
}

func requireHandshake(t *testing.T, want *apps.Handshake, got *shake) {
	t.Helper()
	require.True(t, got.Established)
	require.Empty(t, got.Err)
	require.Equal(t, want.Version, got.Version)
	require.Equal(t, want.Cipher, got.Cipher)
	require.Equal(t, want.ServerName, got.ServerName)
	require.Equal(t, proto.AnswerOf(want.Resumed), got.Resumed)
	require.Equal(t, []string{"http/1.1"}, got.Offered)
	if want.Version == "1.2" {
		require.Equal(t, want.NextProtocol, got.NextProtocol)
		require.Equal(t, proto.Negative, got.AskedClient)
	} else { // both are encrypted
		require.Empty(t, got.NextProtocol)
		require.Equal(t, proto.Unknown, got.AskedClient)
	}
	require.NotEmpty(t, got.Curve)
	require.Positive(t, got.Took)
	require.Equal(t, got.Took, got.End-got.Start)
}

// requireCarriers checks the ends of connections whose plaintext nobody looked for.
func requireCarriers(t *testing.T, e *eavesdropper) {
	t.Helper()
	require.Equal(t, conn.Carriers{Unseen: uint64(len(e.gone))}, e.tracker.Carriers())
	for _, c := range e.gone {
		require.Equal(t, conn.Unseen, c.Plaintext)
		require.NotEqual(t, conn.Open, c.End)
	}
}

// TestResumption connects again and again with the sessions of before.
func TestResumption(t *testing.T) {
	const n = 4
	certificate, authority := certify(t)
	ports := freePorts(t, 2*len(shakingServers))
	e := eavesdrop(t, ports...)
	for server, serve := range shakingServers {
		for _, version := range []string{"1.2", "1.3"} {
			port := ports[0]
			ports = ports[1:]
			t.Run(server+" TLS "+version, func(t *testing.T) {
				e.begin(t)
				serve(t, port, version, certificate)
				want := goTLSClientWith(t, port, authority, "-n", strconv.Itoa(n))
				e.listen(2 * n)
				resumed := 0
				for side, shakes := range e.shakes {
					require.Len(t, shakes, n, "side %d", side)
					for i := range shakes {
						require.Equal(t, proto.AnswerOf(want[i].Resumed), shakes[i].Resumed, "connection %d", i)
						require.Equal(t, want[i].Cipher, shakes[i].Cipher)
						if want[i].Resumed {
							resumed++
						}
					}
				}
				require.Equal(t, 2*(n-1), resumed, "that the client did resume")
			})
		}
	}
}

// TestInsideTheCall asks for handshakes to lie inside of the calls that did
// them, and tells how much of those they were.
func TestInsideTheCall(t *testing.T) {
	const n = 20
	certificate, authority := certify(t)
	ports := freePorts(t, 2)
	e := eavesdrop(t, ports...)
	for i, version := range []string{"1.2", "1.3"} {
		port := ports[i]
		e.begin(t)
		goTLSServer(t, port, version, certificate)
		said := goTLSClientWith(t, port, authority, "-n", strconv.Itoa(n))
		e.listen(2 * n)
		var seen, told time.Duration
		for i, s := range e.shakes[proto.Client] {
			require.GreaterOrEqual(t, s.Start, time.Duration(said[i].Before))
			require.LessOrEqual(t, s.End, time.Duration(said[i].After))
			seen += s.Took
			told += time.Duration(said[i].After - said[i].Before)
		}
		t.Logf("TLS %s: %v of %v", version, seen/n, told/n)
	}
}

// TestCarrierIsQuiet sends much behind a handshake: its end is told, its bytes are not.
func TestCarrierIsQuiet(t *testing.T) {
	certificate, authority := certify(t)
	port := freePort(t)
	e := eavesdrop(t, port)
	goTLSServer(t, port, "1.3", certificate)
	done := make(chan struct{})
	go func() {
		defer close(done)
		goTLSClientWith(t, port, authority, "-bytes", "50000000")
	}()
	for len(e.shakes[proto.Client])+len(e.shakes[proto.Server]) < 2 {
		e.drain()
	}
	e.drain() // what was on its way
	before := len(e.data)
	for _, n := range e.data {
		before += n
	}
	e.listen(2)
	<-done
	after := len(e.data)
	for _, n := range e.data {
		after += n
	}
	t.Logf("%d records until the verdict, %d behind it", before, after-before)
	require.Less(t, after-before, 1000, "of 100000 calls")
	requireCarriers(t, e)
}

// TestHandshakeFailures names why handshakes fail, by what was sent in the clear.
func TestHandshakeFailures(t *testing.T) {
	certificate, authority := certify(t)
	_, stranger := certify(t)
	failures := map[string]struct {
		serve   []string // options of openssl s_server
		connect func(t *testing.T, port int)
		err     string
		version string
	}{
		"unknown CA, openssl, TLS 1.2": {[]string{"-tls1_2"}, func(t *testing.T, port int) {
			opensslClientWith(t, port, stranger)
		}, "unknown_ca", "1.2"},
		"unknown CA, curl, TLS 1.3": {nil, func(t *testing.T, port int) {
			require.Error(t, curlCommand(curlTLSArgs(port, stranger)...).Run())
		}, "unknown_ca", "1.3"},
		"unknown CA, Go, TLS 1.2": {[]string{"-tls1_2"}, func(t *testing.T, port int) {
			require.Contains(t, goTLSClient(t, port, stranger).Err, "unknown authority")
		}, "bad_certificate", "1.2"},
		"unknown CA, Go, TLS 1.3": {nil, func(t *testing.T, port int) {
			require.Contains(t, goTLSClient(t, port, stranger).Err, "unknown authority")
		}, "unknown_alert", "1.3"},
		"no common version": {[]string{"-tls1_3"}, func(t *testing.T, port int) {
			require.Contains(t, opensslClientWith(t, port, authority, "-tls1_2"), "alert protocol version")
		}, "protocol_version", ""},
		"no common cipher suite": {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}, func(t *testing.T, port int) {
			require.Contains(t, opensslClientWith(t, port, authority, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"),
				"alert handshake failure")
		}, "handshake_failure", ""},
		"no common protocol": {nil, func(t *testing.T, port int) {
			require.Contains(t, opensslClientWith(t, port, authority, "-alpn", "nonsense"), "alert no application protocol")
		}, "no_application_protocol", ""},
	}
	ports := freePorts(t, len(failures))
	e := eavesdrop(t, ports...)
	for name, c := range failures {
		port := ports[0]
		ports = ports[1:]
		t.Run(name, func(t *testing.T) {
			e.begin(t)
			opensslServerWith(t, port, certificate, c.serve...)
			c.connect(t, port)
			e.listen(2)
			for side, shakes := range e.shakes {
				require.Len(t, shakes, 1, "side %d", side)
				if proto.Side(side) == proto.Client || shakes[0].Err != proto.ReasonReset { // it may come before the server reads the alert
					require.Equal(t, c.err, shakes[0].Err, "side %d", side)
				}
				require.Equal(t, c.version, shakes[0].Version)
				require.False(t, shakes[0].Established)
				require.Equal(t, serverName, shakes[0].ServerName)
			}
			require.Equal(t, conn.Carriers{}, e.tracker.Carriers())
		})
	}
}

// TestNotTLS has a client of TLS reach a server of HTTP, and one that hangs up.
func TestNotTLS(t *testing.T) {
	t.Run("HTTP", func(t *testing.T) {
		port := freePort(t)
		e := eavesdrop(t, port)
		goServerOn(t, port)
		require.Error(t, curlCommand("-s", "-k", "https://"+local(port)).Run())
		e.listen(2)
		require.Equal(t, "not_tls", e.shakes[proto.Client][0].Err)
		require.Equal(t, "not_tls", e.shakes[proto.Server][0].Err)
	})
	t.Run("nothing", func(t *testing.T) {
		port := freePort(t)
		e := eavesdrop(t, port)
		server := listen(t, local(port))
		failed := make(chan error)
		go func() { failed <- curlCommand("-s", "-k", "https://"+local(port)).Run() }()
		server.do(t, apps.Order{Do: "read", N: 100})
		require.NoError(t, server.in.Close())
		require.Error(t, <-failed)
		e.listen(2)
		for side, shakes := range e.shakes {
			require.Len(t, shakes, 1, "side %d", side)
			require.Contains(t, []string{"connection_closed", "connection_reset"}, shakes[0].Err)
		}
	})
}

// TestJoinedTLS follows a connection that is older than the probes: it is known
// to be TLS, and nothing else of it.
func TestJoinedTLS(t *testing.T) {
	certificate, authority := certify(t)
	port := freePort(t)
	opensslServer(t, port, "1.3", certificate)
	client := start(t, exec.Command("openssl", opensslClientArgs(port, authority)...))
	for client.line(t) != "---" { // it tells of the session when the handshake is over
	}
	e := eavesdrop(t, port)
	_, err := client.in.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	require.NoError(t, client.in.Close())
	e.listen(2)
	require.Empty(t, e.shakes)
	requireCarriers(t, e)
	for _, c := range e.gone {
		require.Equal(t, &proto.TLS{}, c.TLS)
		require.Equal(t, proto.Unknown, c.Connected)
	}
}
