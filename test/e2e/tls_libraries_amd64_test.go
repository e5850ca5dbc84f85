//go:build linux

package e2e

import (
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// Versions of Node with the OpenSSL of their time in them: 1.1.1 and 1.0.2. Their
// packages are of programs for one machine.
func init() {
	for name, until := range map[string]string{"node14": "1.3", "node8": "1.2"} {
		tlsLibraries[name] = tlsLibrary{serve: oldNodeServer(name, "server.js"), send: oldNodeClient(name, "client.js"), until: until}
	}
}

func oldNodeServer(name, script string) server {
	return func(t testing.TB, port int) func() map[string]int {
		return countingServer(t, oldNode(name, script, strconv.Itoa(port)), port)
	}
}

func oldNodeClient(name, script string) client {
	return func(t testing.TB, l load) []apps.Result { return l.with(t, oldNode(name, script, l.args()...)) }
}

func oldNode(name, script string, args ...string) *exec.Cmd {
	return apps.ScriptBy("../apps/node/node_modules/"+name+"/bin/node", script, args...)
}

// TestTLSHTTP2OldNode is HTTP/2 by Node 14. That of Node 8 was an experiment: it
// crashes now and then, observed or not.
func TestTLSHTTP2OldNode(t *testing.T) {
	speakTLS(t, "1.3")
	t.Setenv(apps.EnvHTTP2, "yes")
	clients := map[string]client{"node14": oldNodeClient("node14", "h2client.js"), "go": tlsClients["go"]}
	for _, s := range tlsMatrixOf(t, oldNodeServer("node14", "h2server.js"), clients, fewTLSLoads) {
		require.Equal(t, "2", s.Attrs["network.protocol.version"], "%v", s)
		require.Equal(t, "1.3", s.Attrs["tls.protocol.version"], "%v", s)
	}
}
