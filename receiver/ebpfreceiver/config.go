package ebpfreceiver

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// Config is the configuration of the receiver. The types in it validate
// themselves, so that an error names the key it belongs to.
type Config struct {
	// CollectionInterval is how often metrics are delivered.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`

	// Targets selects the processes and connections to observe.
	Targets TargetsConfig `mapstructure:"targets"`

	// HTTP says what is read of HTTP messages and what is kept.
	HTTP HTTPConfig `mapstructure:"http"`

	// Latency says whether spans tell where their time went.
	Latency LatencyConfig `mapstructure:"latency"`

	// TLS says whether plaintext is read where programs call TLS libraries.
	TLS TLSConfig `mapstructure:"tls"`

	// Metrics switches metrics off.
	Metrics MetricsConfig `mapstructure:"metrics"`

	// Network says how the health of connections is told apart, and whether spans
	// tell addresses beyond a translation.
	Network NetworkConfig `mapstructure:"network"`

	// ErrorMode says what a start does when the probes cannot be opened.
	ErrorMode ErrorMode `mapstructure:"error_mode"`

	// Limits bounds what the receiver may use.
	Limits LimitsConfig `mapstructure:"limits"`
}

const shortestInterval = 100 * time.Millisecond

func createDefaultConfig() *Config {
	return &Config{
		CollectionInterval: 10 * time.Second,
		HTTP:               defaultHTTP(),
		Latency:            LatencyConfig{Enabled: true, Threshold: 10 * time.Millisecond},
		TLS:                TLSConfig{Enabled: true},
		ErrorMode:          Propagate,
		Limits: LimitsConfig{
			RingBufferBytes: 8 << 20,
			MaxConnections:  1 << 16,
			MaxSeries:       2000,
		},
	}
}

// Validate reports an interval that would keep the receiver busy with itself.
func (c *Config) Validate() error {
	if c.CollectionInterval < shortestInterval {
		return fmt.Errorf("collection_interval: %v is too short; write %v or more, such as 10s",
			c.CollectionInterval, shortestInterval)
	}
	return nil
}

func (c *Config) probeConfig() probe.Config {
	return probe.Config{
		Include:        c.Targets.Include.probeTargets(),
		Exclude:        c.Targets.Exclude.probeTargets(),
		CaptureBytes:   int(c.HTTP.CaptureBytes),
		RingBytes:      int(c.Limits.RingBufferBytes),
		MaxConnections: c.Limits.MaxConnections,
		Latency:        c.Latency.Enabled,
		TLS:            c.TLS.Enabled,
		Health:         c.Metrics.health(),
		HealthPeer:     slices.Contains(c.Network.Attributes, peerAddress),
		MaxSeries:      c.Limits.MaxSeries,

		AcceptFromSyscalls: c.Latency.TraceAcceptSyscalls,
	}
}

// ErrorMode says what a start does when the probes cannot be opened.
type ErrorMode string

// The error modes.
const (
	Propagate ErrorMode = "propagate" // the start fails, and with it the Collector
	Ignore    ErrorMode = "ignore"    // log it, report it as status, run without probes
)

// Validate reports a mode that does not exist.
func (m ErrorMode) Validate() error {
	if m != Propagate && m != Ignore {
		return fmt.Errorf("%q is not a mode; write %s or %s", string(m), Propagate, Ignore)
	}
	return nil
}

// LimitsConfig bounds the tables of the receiver.
type LimitsConfig struct {
	RingBufferBytes Size `mapstructure:"ring_buffer_bytes"`
	MaxConnections  int  `mapstructure:"max_connections"`
	MaxSeries       int  `mapstructure:"max_series"` // of each metric
}

// The bounds of the tables. More is a typing error.
const (
	mostRingBytes   Size = 1 << 30
	mostConnections      = 1 << 22
	mostSeries           = 1_000_000
)

// Validate reports tables that cannot be made.
func (c *LimitsConfig) Validate() error {
	return cmp.Or(
		c.validateRing(),
		inRange("max_connections", c.MaxConnections, 1, mostConnections),
		inRange("max_series", c.MaxSeries, 1, mostSeries),
	)
}

// validateRing holds the size to what the kernel takes for a ring buffer.
func (c *LimitsConfig) validateRing() error {
	if next := ringSize(c.RingBufferBytes); next != c.RingBufferBytes {
		return fmt.Errorf("ring_buffer_bytes: %v is not a power of two from %v to %v; write %v",
			c.RingBufferBytes, pageSize(), mostRingBytes, next)
	}
	return nil
}

// ringSize returns the smallest size the kernel takes that is not below s.
func ringSize(s Size) Size {
	next := pageSize()
	for next < s && next < mostRingBytes {
		next *= 2
	}
	return next
}

func inRange(key string, n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("%s: %d is out of range; write %d to %d", key, n, low, high)
	}
	return nil
}
