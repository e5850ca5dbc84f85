package ebpfreceiver

import (
	"fmt"
	"net/netip"
)

// openNAT opens the connection tracking when spans are to tell addresses beyond
// a translation. Without it everything else goes on, and the status says so.
func (s *session) openNAT(r *ebpfReceiver) {
	if !r.cfg.Network.NAT || r.traces == nil {
		return
	}
	table, err := r.kernel.openNAT()
	if err != nil {
		s.lacks = fmt.Errorf("network.nat: no addresses beyond NAT: %w", err)
		return
	}
	s.nat = table
}

func (s *session) closeNAT() error {
	if s.nat == nil {
		return nil
	}
	return s.nat.Close()
}

// translated is the question of the pipeline, nil when nobody can answer it.
func (s *session) translated() func(uint32, netip.AddrPort, netip.AddrPort) (local, remote netip.AddrPort, err error) {
	if s.nat == nil {
		return nil
	}
	return func(netns uint32, local, remote netip.AddrPort) (netip.AddrPort, netip.AddrPort, error) {
		t, err := s.nat.Translated(netns, local, remote)
		return t.Local, t.Remote, err
	}
}
