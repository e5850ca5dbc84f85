// Package probe loads the BPF objects, attaches each hook in the first form the
// kernel takes, and reads the ring buffer.
package probe
