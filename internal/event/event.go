// Package event decodes the records the BPF programs put in the ring buffer, and
// writes and reads recordings of them.
package event

// A Source yields records in batches: the ring buffer in production, a recording in tests.
type Source interface {
	// Drain calls take with every record that waits. The record is valid during
	// the call. It returns io.EOF after Close, or when a recording has ended.
	Drain(take func(record []byte)) error
	// Wait sleeps until Drain is worth calling, at most 100 ms.
	Wait() error
}
