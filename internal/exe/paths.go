package exe

// A path is one way through a function.
type path struct {
	end    end
	to     uint64 // left: where to; 0 unknown
	result value  // in the result register at the end
	jumps  int
	marks  []mark
	facts  []fact
	stored []int64 // slots written behind the last call
}

type end uint8

const (
	returned end = iota + 1
	left         // by a jump to other code
	died         // in a trap, or a call that does not return
)

// A mark is an instruction behind a path's last call, and what was known there.
type mark struct {
	inst       int
	result, sp value
	stored     int // how many slots had been written
}

// A fact is a comparison that a path depends on.
type fact struct {
	of   value
	cond cond
}

// proves reports whether what a path depends on says that a value compares so with 0.
func (p *path) proves(v value, c cond) bool {
	if v.kind == constant {
		return c == above && v.n > 0 || c == notAbove && v.n <= 0
	}
	for _, f := range p.facts {
		if f.of == v && (f.cond == c || c == notAbove && (f.cond == below || f.cond == zero)) {
			return true
		}
	}
	return false
}

// Limits on how much of a function is followed.
const (
	maxPaths = 512
	maxSteps = 1 << 16 // instructions, of all paths
	maxInsts = 2048    // of the function
	maxJumps = 64      // of one path
)

// A walker follows all paths through a function, none of which may come to an
// instruction twice.
type walker struct {
	fn    *function
	abi   abi
	paths []path
	see   func(*state, inst) // if not nil: before each instruction
	steps int
	gone  bool // it was too much, or not understood
}

// walk returns all paths through a function; false if they could not all be followed.
func (fn *function) walk(a abi, see func(*state, inst)) ([]path, bool) {
	w := &walker{fn: fn, abi: a, see: see}
	if len(fn.insts) > maxInsts {
		return nil, false
	}
	w.follow(0, newState(a), path{}, make([]bool, len(fn.insts)))
	return w.paths, fn.whole && !w.gone
}

// follow goes from the instruction i to the ends of all paths from there.
func (w *walker) follow(i int, s *state, p path, been []bool) {
	for {
		if w.steps++; i >= len(w.fn.insts) || been[i] || w.steps > maxSteps || len(w.paths) >= maxPaths || p.jumps > maxJumps {
			w.gone = true
			return
		}
		in := w.fn.insts[i]
		been[i] = true
		if w.see != nil {
			w.see(s, in)
		}
		switch {
		case in.flow == next && (in.op == cmove || in.op == cload):
			w.fork(i+1, i+1, in, s, p, been)
			return
		case in.flow == branch:
			p = p.marked(w, i, s)
			if to, ok := w.fn.at(in.target); ok {
				w.fork(to, i+1, in, s, p, been)
				return
			}
			w.finish(p.with(fact{s.flags, in.cond}).leaving(in), left, s)
			p = p.with(fact{s.flags, in.cond.not()})
		case in.flow == call:
			if i+1 == len(w.fn.insts) {
				w.finish(p, died, s)
				return
			}
			w.called(s, i)
			p.marks = nil
		case in.flow == jump:
			p = p.marked(w, i, s)
			to, ok := w.fn.at(in.target)
			if !ok {
				w.finish(p.leaving(in), left, s)
				return
			}
			i = to
			continue
		case in.flow != next:
			w.finish(p, map[flow]end{ret: returned, stop: died}[in.flow], s)
			return
		default:
			s.step(in, w.abi.sp, false)
		}
		i++
	}
}

// fork follows both ways from a condition.
func (w *walker) fork(to, otherwise int, in inst, s *state, p path, been []bool) {
	taken, c := s.clone(), in.cond
	of := s.flags
	if in.flow == next {
		taken.step(in, w.abi.sp, true)
		s.step(in, w.abi.sp, false)
	}
	w.follow(to, taken, p.with(fact{of, c}), append([]bool(nil), been...))
	w.follow(otherwise, s, p.with(fact{of, c.not()}), been)
}

// called forgets what a call changes.
func (w *walker) called(s *state, i int) {
	for r := range s.regs {
		if w.abi.kept&(1<<r) == 0 {
			s.regs[r] = s.unknown()
		}
	}
	s.regs[w.abi.result] = value{kind: result, id: int32(i)}
	s.flags = s.unknown()
	s.stored = nil
}

func (w *walker) finish(p path, e end, s *state) {
	if e == 0 {
		w.gone = true
	}
	p.end, p.result, p.stored = e, s.regs[w.abi.result], s.stored
	w.paths = append(w.paths, p)
}

// marked notes a jump.
func (p path) marked(w *walker, i int, s *state) path {
	p.jumps++
	if w.fn.insts[i].emulated {
		m := mark{i, s.regs[w.abi.result], s.regs[w.abi.sp], len(s.stored)}
		p.marks = append(p.marks[:len(p.marks):len(p.marks)], m)
	}
	return p
}

func (p path) with(f fact) path {
	p.facts = append(p.facts[:len(p.facts):len(p.facts)], f)
	return p
}

func (p path) leaving(in inst) path {
	p.to = in.target
	return p
}
