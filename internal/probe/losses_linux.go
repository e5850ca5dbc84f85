package probe

import "github.com/edf076de/ebpfreceiver/internal/bpf"

// reasons and parts name enum wire_loss and enum wire_part.
var (
	reasons = [bpf.RawWireLossWIRE_LOSSES]string{
		bpf.RawWireLossWIRE_LOSS_RING_FULL:          "ring_full",
		bpf.RawWireLossWIRE_LOSS_FAULT:              "copy_fault",
		bpf.RawWireLossWIRE_LOSS_UNREADABLE:         "unreadable",
		bpf.RawWireLossWIRE_LOSS_CONN_TABLE_FULL:    "connection_table_full",
		bpf.RawWireLossWIRE_LOSS_PROCESS_TABLE_FULL: "process_table_full",
		bpf.RawWireLossWIRE_LOSS_RACED:              "raced",
		bpf.RawWireLossWIRE_LOSS_GLOB_TOO_COMPLEX:   "glob_too_complex",
		bpf.RawWireLossWIRE_LOSS_FRAMES:             "frames_lost",
		bpf.RawWireLossWIRE_LOSS_TLS_UNTIED:         "tls_untied",
		bpf.RawWireLossWIRE_LOSS_TLS_CALLS_FULL:     "tls_calls_full",
	}
	parts = [bpf.RawWirePartWIRE_PARTS]string{
		bpf.RawWirePartWIRE_PART_REQUEST:  "request",
		bpf.RawWirePartWIRE_PART_RESPONSE: "response",
		bpf.RawWirePartWIRE_PART_MESSAGE:  "message",
		bpf.RawWirePartWIRE_PART_BODY:     "body",
		bpf.RawWirePartWIRE_PART_OPEN:     "open",
		bpf.RawWirePartWIRE_PART_CLOSE:    "close",
		bpf.RawWirePartWIRE_PART_PROCESS:  "process",
		bpf.RawWirePartWIRE_PART_ACK:      "acknowledgement",
		bpf.RawWirePartWIRE_PART_DATAGRAM: "datagram",
		bpf.RawWirePartWIRE_PART_HEALTH:   "health",
	}
)

// Losses returns what could not be delivered, by reason and part.
func (p *Probes) Losses() []Loss {
	var losses []Loss
	m := p.loader.shared["losses"]
	for r, reason := range reasons {
		for q, part := range parts {
			var perCPU []uint64
			if m.Lookup(uint32(r*len(parts)+q), &perCPU) != nil {
				continue // closed
			}
			var n uint64
			for _, v := range perCPU {
				n += v
			}
			if n > 0 {
				losses = append(losses, Loss{Reason: reason, Part: part, Count: n})
			}
		}
	}
	return append(losses, p.missed()...)
}

// missed returns how often the kernel left a program out because the program had been
// preempted on that processor (recursion_misses of bpf_prog_info). Part is the program.
func (p *Probes) missed() []Loss {
	var losses []Loss
	for _, a := range p.loader.links {
		stats, err := a.program.Stats()
		if err != nil || stats.RecursionMisses == 0 {
			continue // before 5.12 the kernel does not count
		}
		losses = append(losses, Loss{Reason: "program_busy", Part: a.name, Count: stats.RecursionMisses})
	}
	return losses
}
