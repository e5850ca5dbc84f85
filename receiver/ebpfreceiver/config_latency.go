package ebpfreceiver

import (
	"errors"
	"fmt"
	"time"
)

// LatencyConfig says whether spans tell where their time went.
type LatencyConfig struct {
	Enabled bool `mapstructure:"enabled"`

	// Threshold is what a request may take and still be nobody's fault.
	Threshold time.Duration `mapstructure:"threshold"`

	// TraceAcceptSyscalls says to see accepts at the exit of every system call of
	// the host, on kernels that show them nowhere else.
	TraceAcceptSyscalls bool `mapstructure:"trace_accept_syscalls"`
}

// Validate reports a threshold that judges nothing, and a switch without effect.
func (c *LatencyConfig) Validate() error {
	if c.Threshold <= 0 {
		return fmt.Errorf("threshold: %v is not a time a request can take; write one such as 10ms", c.Threshold)
	}
	if c.TraceAcceptSyscalls && !c.Enabled {
		return errors.New("trace_accept_syscalls: it has no effect without enabled: true; write that, or remove it")
	}
	return nil
}
