package apps

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// The variables that make the programs speak TLS: files with a certificate,
// which clients trust, and its key, and the version servers speak: 1.2 or 1.3.
const (
	EnvCert    = "TLS_CERT"
	EnvKey     = "TLS_KEY"
	EnvVersion = "TLS_VERSION"
	EnvHTTP2   = "TLS_HTTP2" // anything: to speak that
)

// withTLS returns ln, or what speaks TLS on it if the environment says so.
func withTLS(ln net.Listener) (net.Listener, error) {
	if os.Getenv(EnvCert) == "" {
		return ln, nil
	}
	pair, err := tls.LoadX509KeyPair(os.Getenv(EnvCert), os.Getenv(EnvKey))
	if err != nil {
		return nil, err
	}
	version := uint16(tls.VersionTLS13)
	if os.Getenv(EnvVersion) == "1.2" {
		version = tls.VersionTLS12
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, MaxVersion: version}
	if os.Getenv(EnvHTTP2) != "" {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	return tls.NewListener(ln, c), nil
}

// clientTLS returns what a client trusts; nil without TLS.
func clientTLS() (*tls.Config, error) {
	file := os.Getenv(EnvCert)
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return &tls.Config{RootCAs: roots}, nil
}
