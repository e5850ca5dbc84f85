package metrics

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/tls"
)

// ended is a connection of TLS that has.
func ended(connected proto.Answer, seen conn.Plaintext) *conn.Conn {
	_, c := newProcess(1, "a")
	c.Protocol, _ = tls.New()
	c.Local, c.Remote = netip.MustParseAddrPort("10.0.0.1:8443"), netip.MustParseAddrPort("10.0.0.2:443")
	c.TLS = &proto.TLS{Version: "1.3", Resumed: proto.Negative}
	c.Connected, c.Plaintext = connected, seen
	return c
}

func TestCarrier(t *testing.T) {
	b := newBench(10)
	r, _ := newProcess(1, "a")
	for _, c := range []*conn.Conn{
		ended(proto.Positive, conn.Unseen), ended(proto.Positive, conn.Unseen), ended(proto.Negative, conn.Seen),
	} {
		b.Carrier(r, c, b.now)
	}
	joined := ended(proto.Unknown, conn.Unseen)
	joined.TLS = &proto.TLS{}
	b.Carrier(r, joined, b.now)
	m := b.flush().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	if !m.Sum().IsMonotonic() || m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
		t.Error("not a cumulative count")
	}
	got := map[string]int64{}
	for _, p := range m.Sum().DataPoints().All() {
		var say strings.Builder
		for _, key := range []string{"ebpf.tls.plaintext", "ebpf.connection.role", "server.port", "tls.protocol.version", "tls.resumed"} {
			if v, ok := p.Attributes().Get(key); ok {
				say.WriteString(v.AsString() + " ")
			}
		}
		got[say.String()] = p.IntValue()
		if p.StartTimestamp().AsTime() != t0.UTC() || p.Timestamp().AsTime() != b.now.UTC() {
			t.Errorf("from %s to %s", p.StartTimestamp(), p.Timestamp())
		}
	}
	want := map[string]int64{"unseen client 443 1.3 false ": 2, "seen server 8443 1.3 false ": 1, "unseen ": 1}
	for key, n := range want {
		if got[key] != n {
			t.Errorf("%q: %d, want %d", key, got[key], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
}

func TestCarrierOff(t *testing.T) {
	a := New(Config{MaxSeries: 10, Off: map[string]bool{TLSConnections.Name: true}})
	r, _ := newProcess(1, "a")
	a.Carrier(r, ended(proto.Positive, conn.Seen), t0)
	if n := a.Flush(t0).DataPointCount(); n != 0 {
		t.Errorf("%d points", n)
	}
}

// TestTLSDocumented holds the table of the README.
func TestTLSDocumented(t *testing.T) {
	b := newBench(10)
	r, _ := newProcess(1, "a")
	c := ended(proto.Positive, conn.Seen)
	b.Carrier(r, c, b.now)
	parser := c.Protocol.New(proto.Conn{Remote: c.Remote}, func(x *proto.Exchange) {
		x.Attrs = c.TLS.Dims(x.Attrs)
		b.Exchange(r, c, x, b.now)
	})
	_, _ = parser.Parse(&proto.Data{Bytes: []byte("\x16\x03\x01\x00\x10\x01")})
	parser.Close(time.Second, proto.ReasonReset)
	common, want := documented(t, "TLS")
	metrics := b.flush().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	for _, m := range metrics.All() {
		if got := rowOf(m, common); got != want[m.Name()] {
			t.Errorf("%s is %+v, documented %+v", m.Name(), got, want[m.Name()])
		}
		if !strings.HasSuffix(m.Description(), ".") {
			t.Errorf("%s: %q", m.Name(), m.Description())
		}
	}
	if metrics.Len() != len(want) {
		t.Errorf("%d metrics, %d documented", metrics.Len(), len(want))
	}
}
