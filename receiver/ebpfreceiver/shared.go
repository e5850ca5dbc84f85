package ebpfreceiver

import (
	"sync"

	"go.opentelemetry.io/collector/receiver"
)

// shared finds the one receiver behind the traces and the metrics of a
// configuration. The key is the configuration itself and not its ID: after a
// reload the same ID means another receiver.
type shared struct {
	kernel kernel

	mu        sync.Mutex
	receivers map[*Config]*ebpfReceiver // until their shutdown
}

func newShared(k kernel) *shared {
	return &shared{kernel: k, receivers: map[*Config]*ebpfReceiver{}}
}

// of returns the receiver of cfg and makes it when there is none.
func (s *shared) of(set receiver.Settings, cfg *Config) *ebpfReceiver {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.receivers[cfg]
	if !ok {
		r = &ebpfReceiver{cfg: cfg, set: set, kernel: s.kernel, forget: func() { s.forget(cfg) }}
		s.receivers[cfg] = r
	}
	return r
}

func (s *shared) forget(cfg *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.receivers, cfg)
}
