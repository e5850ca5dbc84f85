package probe

import "slices"

// A hook is one thing the kernel side must see, and the forms it can take. A
// form is a set of programs that attach together; the first form whose programs
// all attach is kept.
type hook struct {
	name      string
	object    object
	forms     [][]string // program names of the object
	required  bool
	timing    bool // only there to say where time went
	stateless bool // needs no state of connections, so any form fits any plan
}

// object names a BPF object.
type object int

const (
	tcp object = iota
	process
	segments
	dns
	connHealth
	plain
)

// hooks lists what is attached, in order: what decides comes before what reads.
//
// Forms from cheap to dear: typed tracepoints (stable, no tax on other calls),
// fentry and fexit, kprobes. Which kernel has which is in docs/kernels.md; the
// code only ever tries.
var hooks = []hook{
	{name: "exec", object: process, forms: [][]string{{"exec_tp"}}},
	{name: "fork", object: process, forms: [][]string{{"fork_tp"}}},
	{name: "exit", object: process, forms: [][]string{{"exit_tp"}}},
	{name: "cgroup", object: process, forms: [][]string{{"cgroup_mkdir_tp", "cgroup_rmdir_tp"}}},
	{name: SegmentHook, object: segments, forms: [][]string{{"segment_tp", "retransmit_tp"}}, timing: true},
	{name: "accept", object: segments, forms: [][]string{
		{"accept_fexit"},
		{"accept_kretprobe"},
		{"accept_tp"},
	}, timing: true, stateless: true},
	// Before state, which at the end forgets whose the connection was.
	{name: "health", object: connHealth, forms: [][]string{{"health_state_tp", "health_destroy_tp"}}},
	{name: "resets", object: connHealth, forms: [][]string{{"health_reset_sent_tp", "health_reset_received_tp"}}},
	{name: "timeouts", object: connHealth, forms: [][]string{{"health_retransmit_tp"}}},
	{name: "state", object: tcp, forms: [][]string{{"state_tp", "destroy_tp"}}, required: true},
	{name: "recv", object: tcp, forms: [][]string{
		{"recv_tp"},
		{"recv_start_fentry", "recv_fexit"},
		{"recv_start_kprobe", "recv_kretprobe"},
	}, required: true},
	{name: "send", object: tcp, forms: [][]string{
		{"send_start_tp", "send_tp"},
		{"send_start_fentry", "send_tp"},
		{"send_start_fentry", "send_fexit"},
		{"send_start_kprobe", "send_tp"},
		{"send_start_kprobe", "send_kretprobe"},
		{"send_tp"},
	}, required: true},
	{name: "sendpage", object: tcp, forms: [][]string{
		{"sendpage_fexit"},
		{"sendpage_start_kprobe", "sendpage_kretprobe"},
	}},
	{name: "dns", object: dns, forms: [][]string{
		{"dns_send_tp", "dns_recv_tp"},
		around("fentry", "fexit", "dns_send", "dns_recv", "dns_send6", "dns_recv6"),
		around("fentry", "fexit", "dns_send", "dns_recv"), // IPv6 is a module, or not there
		around("kprobe", "kretprobe", "dns_send", "dns_recv", "dns_send6", "dns_recv6"),
		around("kprobe", "kretprobe", "dns_send", "dns_recv"),
	}},
	{name: "dns_close", object: dns, forms: [][]string{
		{"dns_close_fentry", "dns_close6_fentry"},
		{"dns_close_fentry"},
		{"dns_close_kprobe", "dns_close6_kprobe"},
		{"dns_close_kprobe"},
		{"dns_close_cgroup"},
	}},
	{name: "udp_send", object: connHealth, forms: [][]string{
		{"udp_send_tail"},
		{"udp_send_fexit", "udp6_send_fexit"},
	}, stateless: true},
	{name: "udp_recv", object: connHealth, forms: [][]string{
		{"udp_recv_tail"},
		{"udp_recv_fexit", "udp6_recv_fexit"},
	}, stateless: true},
}

// around is the form that sits at the entry and the return of functions.
func around(entry, exit string, functions ...string) (form []string) {
	for _, f := range functions {
		form = append(form, f+"_start_"+entry, f+"_"+exit)
	}
	return form
}

// A tail is a program that another one calls, through a table.
type tail struct {
	table  string // a map
	slot   uint32
	caller string // a program
}

var tails = map[string]tail{
	"udp_send_tail": {table: "udp_send_progs", slot: 0, caller: "send_tp"},
	"udp_recv_tail": {table: "udp_recv_progs", slot: 0, caller: "recv_tp"},
	"dns_send_tp":   {table: "udp_send_progs", slot: 1, caller: "send_tp"},
	"dns_recv_tp":   {table: "udp_recv_progs", slot: 1, caller: "recv_tp"},
}

// Kinds limits hooks that have several forms to those made of these kinds of
// program. Tests set it, to try forms that this kernel would not take first.
var Kinds []string

func allowed(h hook, form []string) bool {
	return len(Kinds) == 0 || len(h.forms) == 1 ||
		!slices.ContainsFunc(form, func(p string) bool { return !slices.Contains(Kinds, programKind(p)) })
}

// A plan is where the state of connections lives and which forms can reach it.
type plan struct {
	name     string
	onSocket bool // in socket storage, else in a hash keyed by the socket's address
	usable   func(form []string) bool
	untimed  bool // the times of sent bytes are too rough to split anything by
}

// plans are tried in order until every hook that is required has a form.
var plans = []plan{
	{name: "socket storage", onSocket: true, usable: func(f []string) bool { return !hasKprobe(f) && !timeless(f) }},
	{name: "hash", usable: func(f []string) bool { return !timeless(f) && !has(f, "cgroup") }},
	{name: "socket storage, send times from the end of the call", onSocket: true, untimed: true,
		usable: func(f []string) bool { return !hasKprobe(f) }},
}

func hasKprobe(form []string) bool { return has(form, "kprobe") || has(form, "kretprobe") }

func has(form []string, kind string) bool {
	return slices.ContainsFunc(form, func(p string) bool { return programKind(p) == kind })
}

// timeless reports whether a form of send sees only the end of a call.
func timeless(form []string) bool { return len(form) == 1 && form[0] == "send_tp" }

// programKind is the last part of a program's name: "tp", "fentry", "kretprobe".
func programKind(program string) string {
	for i := len(program) - 1; i >= 0; i-- {
		if program[i] == '_' {
			return program[i+1:]
		}
	}
	return program
}
