// Package all lists the protocols in the order the tracker tries them.
package all

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/dns"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
	"github.com/edf076de/ebpfreceiver/internal/proto/http1"
	"github.com/edf076de/ebpfreceiver/internal/proto/tls"
)

// Config is what the protocols may be told.
type Config struct {
	HTTP http.Config
}

// Protocols returns the protocols in the order of detection: a strict Detect comes first.
func Protocols(c Config) []*proto.Protocol {
	return []*proto.Protocol{
		http1.New(c.HTTP),
		tls.New(),
		dns.New(),
	}
}
