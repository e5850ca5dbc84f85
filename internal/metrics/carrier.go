package metrics

import (
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// TLSConnections counts the TLS connections that have ended. There is no convention for it.
var TLSConnections = proto.Metric{
	Name: "ebpf.tls.connection.count", Unit: "{connection}",
	Description: "TLS connections that have ended, by whether anything of their plaintext was seen.",
}

// plaintexts are the values of ebpf.tls.plaintext.
var plaintexts = [...]string{conn.Unseen: "unseen", conn.Seen: "seen"}

// Carrier counts a connection of TLS that has ended, of the process whose
// resource is r. Nothing of c is kept.
func (a *Aggregator) Carrier(r pcommon.Resource, c *conn.Conn, now time.Time) {
	if a.cfg.Off[TLSConnections.Name] {
		return
	}
	x := &a.carrier
	x.Attrs = append(x.Attrs[:0], proto.Str("ebpf.tls.plaintext", plaintexts[c.Plaintext]).Dim())
	x.Attrs = c.TLS.Dims(x.Attrs)
	switch c.Connected {
	case proto.Positive:
		x.Attrs = append(x.Attrs, role("client"), serverPort(c.Remote))
	case proto.Negative:
		x.Attrs = append(x.Attrs, role("server"), serverPort(c.Local))
	}
	o := a.ownerOf(c.Process.ID, r)
	o.changed = true
	h := o.histogram(&TLSConnections)
	a.seriesOf(h, x, now).record(0, nil)
}

func role(name string) proto.Attr { return proto.Str("ebpf.connection.role", name).Dim() }

func serverPort(a netip.AddrPort) proto.Attr { return proto.Int("server.port", int64(a.Port())).Dim() }
