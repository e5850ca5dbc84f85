package pipeline

import (
	"maps"

	"github.com/edf076de/ebpfreceiver/internal/health"
	"github.com/edf076de/ebpfreceiver/internal/metrics"
	"github.com/edf076de/ebpfreceiver/internal/process"
)

// A subject is a process whose connections were counted, or may have been.
type subject struct {
	*process.Info
	collections int // since it was met
}

// The collection after a process was met may be one that was made before, without
// its connections. What is not met again by the next one is forgotten.
const lastCollections = 2

// processes says which processes the series, which are sorted, are of.
func (l *lane) processes(series []health.Series) []metrics.Process {
	var all []metrics.Process
	for len(series) > 0 {
		pid, n := series[0].PID, 1
		for n < len(series) && series[n].PID == pid {
			n++
		}
		p, lives := l.process(pid)
		l.meet(p)
		all = append(all, metrics.Process{PID: pid, Resource: l.resources.Of(p), Exited: !lives, Series: series[:n:n]})
		series = series[n:]
	}
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
	before := l.subjects[pid]
	if before != nil && process.Lives(before.ID) {
		return before.Info, true
	}
	if p, ok := process.Read(pid); ok {
		return p, true
	}
	lives = pid == 0 // the overflow of all processes has no end
	if before != nil {
		return before.Info, lives
	}
	return &process.Info{ID: process.ID{PID: pid}}, lives
}

// meet remembers a process: the tracker forgets it when it exits, and health of
// it may still come.
func (l *lane) meet(p *process.Info) {
	if before := l.subjects[p.PID]; before != nil && before.ID != p.ID {
		l.resources.Forget(before.ID)
	}
	l.subjects[p.PID] = &subject{Info: p}
}

// dismiss forgets the processes that were not met again, at the end of a collection.
func (l *lane) dismiss() {
	maps.DeleteFunc(l.subjects, func(_ uint32, s *subject) bool {
		s.collections++
		if s.collections < lastCollections {
			return false
		}
		l.resources.Forget(s.ID)
		if l.tracker.Process(s.PID) == nil {
			l.names.Forget(s.PID)
		}
		return true
	})
}
