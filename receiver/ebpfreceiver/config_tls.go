package ebpfreceiver

// TLSConfig says whether plaintext is read where programs call TLS libraries.
type TLSConfig struct {
	Enabled bool `mapstructure:"enabled"`
}
