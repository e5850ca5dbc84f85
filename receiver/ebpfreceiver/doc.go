// Package ebpfreceiver is a Collector receiver that watches the TCP connections
// of unmodified programs with eBPF and turns the requests they carry into
// traces and metrics.
//
// The factory makes one receiver per configuration, whatever the number of
// signals: shared.go. The receiver opens the probes, runs the pipeline over
// their records and hands the result to the next consumers: receiver.go.
package ebpfreceiver

//go:generate go tool -modfile=../../tools/go.mod mdatagen metadata.yaml
