package ebpfreceiver

import "fmt"

// NetworkConfig says how the health of connections is told apart, and whether
// spans tell addresses beyond a translation.
type NetworkConfig struct {
	Attributes []NetworkAttribute `mapstructure:"attributes"` // more than there always are
	NAT        bool               `mapstructure:"nat"`        // asks the connection tracking
}

// A NetworkAttribute is one that makes many series: it has to be asked for.
type NetworkAttribute string

const peerAddress NetworkAttribute = "network.peer.address"

// Validate reports an attribute that cannot be added.
func (a NetworkAttribute) Validate() error {
	switch a {
	case peerAddress:
		return nil
	case "network.transport", "network.type", "server.port", "ebpf.connection.role":
		return fmt.Errorf("%q is always there; remove it", string(a))
	}
	return fmt.Errorf("%q is not an attribute that can be added; write %s", string(a), peerAddress)
}
