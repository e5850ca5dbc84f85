package guest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// TestTLS observes a server and clients of Go's crypto/tls, by HTTP/1.1 and by
// HTTP/2, in every form.
func TestTLS(t *testing.T) {
	if *refused != "" {
		return // it cannot work here, as TestRefused shows
	}
	dir, err := os.MkdirTemp("", "tls")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cert, key, err := apps.NewKeyPair(dir)
	require.NoError(t, err)
	t.Setenv(apps.EnvCert, cert)
	t.Setenv(apps.EnvKey, key)
	t.Setenv(apps.EnvVersion, "1.3")
	eachForm(t, func(t *testing.T) {
		t.Run("HTTP/1.1", tlsForm)
		t.Run("HTTP/2", func(t *testing.T) {
			t.Setenv(apps.EnvHTTP2, "yes")
			tlsForm(t)
		})
	})
}

func tlsForm(t *testing.T) {
	server, port := startServer(t)
	o := observe(t, port)
	for _, state := range o.forms(t) {
		t.Logf("form: %s", state)
	}
	served := make(map[string]int)
	k := &check{observer: o, server: server, port: port, served: served}
	k.every(t, "-c", "1")
	k.every(t, "-c", "8")
	require.Empty(t, o.points(t, "otelcol_ebpf_lost", "stage", "reason", "part"), "losses")
	require.Equal(t, server.counts(t), served)
}
