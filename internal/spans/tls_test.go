package spans

import (
	"testing"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/correlate"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

func TestTLS(t *testing.T) {
	c := &conn.Conn{TLS: &proto.TLS{
		Version: "1.2", Cipher: "TLS_RSA_WITH_AES_128_GCM_SHA256", Curve: "x25519", ServerName: "shop.test",
		NextProtocol: "h2", Offered: []string{"h2", "http/1.1"}, Resumed: proto.Negative, AskedClient: proto.Positive,
	}}
	equal(t, built(t, correlate.Context{}, c, &proto.Exchange{}), map[string]any{
		string(semconv.TLSProtocolNameKey):      "tls",
		string(semconv.TLSProtocolVersionKey):   "1.2",
		string(semconv.TLSCipherKey):            "TLS_RSA_WITH_AES_128_GCM_SHA256",
		string(semconv.TLSCurveKey):             "x25519",
		string(semconv.TLSNextProtocolKey):      "h2",
		string(semconv.TLSResumedKey):           false,
		string(semconv.ServerAddressKey):        "shop.test",
		"ebpf.tls.client_certificate_requested": true,
	})
}

// TestTLSIsNotWhomTheRequestAsks keeps what the request says of its server.
func TestTLSIsNotWhomTheRequestAsks(t *testing.T) {
	c := &conn.Conn{TLS: &proto.TLS{Version: "3", ServerName: "front.test", Offered: []string{"h2"}}}
	x := &proto.Exchange{Attrs: []proto.Attr{proto.Str("server.address", "shop.test")}}
	equal(t, built(t, correlate.Context{}, c, x), map[string]any{
		string(semconv.TLSProtocolNameKey):    "ssl",
		string(semconv.TLSProtocolVersionKey): "3",
		string(semconv.ServerAddressKey):      "shop.test",
		"ebpf.tls.offered_protocols":          []any{"h2"},
	})
}

// TestTLSUnknown is of a connection joined behind its handshake.
func TestTLSUnknown(t *testing.T) {
	equal(t, built(t, correlate.Context{}, &conn.Conn{TLS: &proto.TLS{}}, &proto.Exchange{}), map[string]any{
		string(semconv.TLSProtocolNameKey): "tls",
	})
}
