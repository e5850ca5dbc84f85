// Package all lists the protocols in the order the tracker tries them.
package all

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/dns"
	"github.com/edf076de/ebpfreceiver/internal/proto/grpc"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
	"github.com/edf076de/ebpfreceiver/internal/proto/http1"
	"github.com/edf076de/ebpfreceiver/internal/proto/http2"
	"github.com/edf076de/ebpfreceiver/internal/proto/postgres"
	"github.com/edf076de/ebpfreceiver/internal/proto/tls"
)

// Config is what the protocols may be told.
type Config struct {
	HTTP http.Config
}

// Protocols returns the protocols in the order of detection: a strict Detect comes first.
func Protocols(c Config) []*proto.Protocol {
	h2, h2c := http2.New(c.HTTP)
	secure, takeover := tls.New()
	return []*proto.Protocol{
		http1.New(c.HTTP, h2c, takeover),
		secure,
		h2,
		postgres.New(takeover),
		dns.New(),
	}
}

// Durations returns the histograms that exchanges may belong to: those of the
// protocols, and of what they carry.
func Durations() (all []proto.Metric) {
	for _, p := range Protocols(Config{}) {
		for _, m := range p.Duration {
			if m.Name != "" {
				all = append(all, m)
			}
		}
	}
	return append(all, grpc.Duration[:]...)
}
