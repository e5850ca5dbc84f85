//go:build linux

package e2e

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// http2Servers and http2Clients speak HTTP/2 over TLS.
var (
	http2Servers = map[string]server{
		"go":    goServerOn,
		"nginx": func(t testing.TB, port int) func() map[string]int { return nginxThat(t, port, "http2") },
		"node":  func(t testing.TB, port int) func() map[string]int { return scriptServer(t, "h2server.js", port) },
	}
	http2Clients = map[string]client{
		"curl": func(t testing.TB, l load) []apps.Result { return l.withCurl(t) },
		"go":   func(t testing.TB, l load) []apps.Result { return l.withGo(t) },
		"node": func(t testing.TB, l load) []apps.Result { return l.withScript(t, "h2client.js") },
	}
)

// TestTLSHTTP2 is TestTLSMatrix by HTTP/2, and asks for the right versions.
func TestTLSHTTP2(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		for _, name := range slices.Sorted(maps.Keys(http2Servers)) {
			t.Run(name+" "+version, func(t *testing.T) {
				speakTLS(t, version)
				t.Setenv(apps.EnvHTTP2, "yes")
				spans := tlsMatrixOf(t, http2Servers[name], http2Clients, tlsLoads{kept: 250, fresh: 75})
				for _, s := range spans {
					require.Equal(t, "2", s.Attrs["network.protocol.version"], "%v", s)
					require.Equal(t, version, s.Attrs["tls.protocol.version"], "%v", s)
					if version == "1.2" { // TLS 1.3 encrypts what was chosen
						require.Equal(t, "h2", s.Attrs["tls.next_protocol"], "%v", s)
					}
				}
			})
		}
	}
}
