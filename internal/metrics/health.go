package metrics

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/health"
)

// A Process is a process and what the kernel counted of its connections.
type Process struct {
	PID      uint32 // 0: of the overflow of all processes
	Resource pcommon.Resource
	Exited   bool
	Series   []health.Series
}

// A healthTable is the health of all processes of one lane.
type healthTable struct {
	instruments []instrument
	forget      func(uint32)
	describe    func(*health.Key) pcommon.Map

	processes []*vitals // in the order of their first collection
	byPID     map[uint32]*vitals
	round     int       // counts the collections
	since, at time.Time // of the collection before the last one, and of the last one
	fresh     bool      // there was a collection since the last flush
}

func newHealthTable(c *Config) healthTable {
	return healthTable{
		instruments: healthInstruments(c.Off), forget: c.Forget, at: c.Start,
		describe: func(k *health.Key) pcommon.Map { return keyAttributes(k, c.PeerName) },
		byPID:    map[uint32]*vitals{},
	}
}

// Health takes what the kernel had counted at a time, of all processes there
// are; the next Flush delivers it. It keeps the series.
//
// The kernel's counters only grow, so there is nothing to add up. A series
// starts at the collection before the first that has it, for there was nothing
// to count then. It lives as long as its process, and until two collections
// after the exit found nothing new: then the kernel may forget it too.
func (a *Aggregator) Health(at time.Time, processes []Process) {
	h := &a.health
	h.since, h.at = h.at, at
	h.round++
	h.fresh = true
	for i := range processes {
		a.examine(&processes[i])
	}
	h.processes = slices.DeleteFunc(h.processes, func(v *vitals) bool {
		missing, over := v.round != h.round, v.over(at)
		if over {
			h.forget(v.pid)
		}
		if missing || over {
			a.discharge(v)
		}
		return missing || over
	})
	for _, v := range h.processes { // only now: what was dropped has made room
		for _, r := range v.readings {
			a.admit(r)
		}
	}
}

// examine takes the series of one process.
func (a *Aggregator) examine(p *Process) {
	h := &a.health
	v := h.vitalsOf(p)
	if v.resource != p.Resource && !v.resource.Attributes().Equal(p.Resource.Attributes()) {
		a.rebase(v)
	}
	v.resource = p.Resource
	for i := range p.Series {
		if h.read(v, &p.Series[i]) {
			v.changed = h.at
		}
	}
	v.readings = slices.DeleteFunc(v.readings, func(r *reading) bool {
		missing := r.round != h.round
		if missing {
			a.release(r)
			delete(v.byKey, r.Key)
		}
		return missing
	})
	v.settle(p.Exited, h.at)
}

func (h *healthTable) vitalsOf(p *Process) *vitals {
	v := h.byPID[p.PID]
	if v == nil {
		v = &vitals{pid: p.PID, resource: p.Resource, start: h.since, byKey: map[health.Key]*reading{}}
		h.processes = append(h.processes, v)
		h.byPID[p.PID] = v
	}
	v.round = h.round
	return v
}

// rebase begins all series of a process anew, at zero: it has called exec or is
// another one under the same PID, and one series must not change the resource
// it is of. The kernel goes on counting.
func (a *Aggregator) rebase(v *vitals) {
	v.start = a.health.since
	for _, r := range v.readings {
		a.release(r)
		r.start, r.base = v.start, r.now
	}
}

// read takes what one key has come to and reports whether that is news.
func (h *healthTable) read(v *vitals, s *health.Series) bool {
	r := v.byKey[s.Key]
	if r == nil {
		r = &reading{Key: s.Key, attrs: h.describe(&s.Key), start: h.since}
		v.readings = append(v.readings, r)
		v.byKey[s.Key] = r
	}
	r.round = h.round
	total := h.total(s)
	changed := total != r.total || r.now.Active != s.Active
	if total < r.total { // the kernel had forgotten it
		r.start, r.base = h.since, health.Values{}
	}
	r.now, r.total = s.Values, total
	return changed
}

// total adds up what only grows.
func (h *healthTable) total(s *health.Series) (sum uint64) {
	for i := range h.instruments {
		if h.instruments[i].level || !h.instruments[i].measures(&s.Key) {
			continue
		}
		for _, c := range h.instruments[i].counters {
			sum += c.of(&s.Values)
		}
	}
	return sum
}

// admit decides for each counter that has something to tell for the first time
// whether it gets a series of its own.
func (a *Aggregator) admit(r *reading) {
	for i := range a.health.instruments {
		ins := &a.health.instruments[i]
		if !ins.measures(&r.Key) || (r.own|r.overflow)&ins.mask == ins.mask {
			continue
		}
		for c := range ins.counters {
			bit := ins.counters[c].bit
			switch {
			case (r.own|r.overflow)&bit != 0, !ins.always && r.value(ins, c) == 0:
			case r.Overflow || !a.admits(ins.name):
				r.overflow |= bit
			default:
				r.own |= bit
			}
		}
	}
}

// release gives back the places that the series of r have under the limit.
func (a *Aggregator) release(r *reading) {
	for i := range a.health.instruments {
		for _, c := range a.health.instruments[i].counters {
			if r.own&c.bit != 0 {
				a.used[a.health.instruments[i].name]--
			}
		}
	}
	r.own, r.overflow = 0, 0
}

// discharge drops a process.
func (a *Aggregator) discharge(v *vitals) {
	for _, r := range v.readings {
		a.release(r)
	}
	delete(a.health.byPID, v.pid)
}

// flush writes what the last collection found. After one that failed there is
// nothing: what was before is not what is now.
func (h *healthTable) flush(out *payload) {
	if !h.fresh {
		return
	}
	h.fresh = false
	for _, v := range h.processes {
		if bits := v.bits(); bits != 0 {
			v.render(out.of(v.resource), h.instruments, bits, h.at)
		}
	}
}
