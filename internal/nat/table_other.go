//go:build !linux

package nat

import (
	"errors"
	"net/netip"
)

// A Table is the connection tracking of Linux.
type Table struct{}

// Open fails: there is nothing to ask.
func Open() (*Table, error) { return nil, errors.New("only Linux has a connection tracking to ask") }

// Translated knows nothing.
func (*Table) Translated(uint32, netip.AddrPort, netip.AddrPort) (Translation, error) {
	return Translation{}, nil
}

// Close does nothing.
func (*Table) Close() error { return nil }
