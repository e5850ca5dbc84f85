package pipeline

import (
	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/metrics"
	"github.com/edf076de/ebpfreceiver/internal/process"
)

// processes says which processes the series, which are sorted, are of.
func (l *lane) processes(series []health.Series) []metrics.Process {
	var all []metrics.Process
	known := make(map[uint32]*process.Info)
	for len(series) > 0 {
		pid, n := series[0].PID, 1
		for n < len(series) && series[n].PID == pid {
			n++
		}
		p, lives := l.process(pid)
		known[pid] = p
		all = append(all, metrics.Process{PID: pid, Resource: l.resources.Of(p), Exited: !lives, Series: series[:n:n]})
		series = series[n:]
	}
	l.keep(known)
	return all
}

// process describes a process and says whether it still lives. The kernel
// describes one when it moves bytes of a stream, and tells the end only of
// those. The others have to be looked up. What exited before anybody looked is
// known by its number only.
func (l *lane) process(pid uint32) (_ *process.Info, lives bool) {
	if p := l.tracker.Process(pid); p != nil {
		return p, true
	}
	before := l.known[pid]
	if before != nil && process.Lives(before.ID) {
		return before, true
	}
	if p, ok := process.Read(pid); ok {
		return p, true
	}
	if before == nil {
		before = &process.Info{ID: process.ID{PID: pid}}
	}
	return before, pid == 0 // the overflow of all processes has no end
}

// keep remembers the processes with health, and drops the resources of those
// that have none any more: the tracker tells the end of its own only.
func (l *lane) keep(known map[uint32]*process.Info) {
	for pid, before := range l.known {
		if p := known[pid]; p == nil || p.ID != before.ID {
			l.resources.Forget(before.ID)
		}
	}
	l.known = known
}
