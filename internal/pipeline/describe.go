package pipeline

import (
	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/process"
)

// describe makes a process' description of what the kernel told of it.
func describe(e *event.Event) *process.Info {
	p := &process.Info{
		ID:     process.ID{PID: e.PID, Start: e.Start},
		Parent: e.ParentPID, Comm: e.Comm, Exe: e.Exe, Command: e.Command, Cgroup: e.Cgroup,
	}
	for _, s := range e.Env {
		p.Declare(s)
	}
	if p.Cgroup == "" { // at the root of the v2 hierarchy: a v1 one may say more
		p.Cgroup = process.CgroupV1(p.PID)
	}
	return p
}
