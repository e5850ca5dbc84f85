package exe

// A value is what is known of a register's contents. Values that are equal are
// the same, unknown ones too: each has a number of its own.
type value struct {
	kind  kind
	id    int32    // unknown, result: which; argument: its place
	n     int64    // constant; argument, stack: what is added; slot: as of stack
	loads [2]int32 // argument: offsets of the pointers followed
	depth int8     // how many those are
}

type kind uint8

const (
	unknown  kind = iota
	constant      // n
	argument      // of the function, or what it points to
	stack         // the stack pointer at the entry, and n
	slot          // what is in the stack at n
	result        // of the call that is instruction id
)

// A state is what is known at an instruction.
type state struct {
	regs   [32]value
	flags  value // what was compared with 0; unknown when something else was
	fresh  int32 // number of the last unknown value
	stored []int64
}

func (s *state) unknown() value {
	s.fresh++
	return value{kind: unknown, id: s.fresh}
}

func newState(a abi) *state {
	s := &state{}
	for i := range s.regs {
		s.regs[i] = s.unknown()
	}
	for i, r := range a.arguments {
		s.regs[r] = value{kind: argument, id: int32(i)}
	}
	s.regs[a.sp] = value{kind: stack}
	s.flags = s.unknown()
	return s
}

// clone copies a state that will change.
func (s *state) clone() *state {
	c := *s
	c.stored = append([]int64(nil), s.stored...)
	return &c
}

// step lets an instruction work. Conditional moves are decided by taken.
func (s *state) step(i inst, sp int8, taken bool) {
	v, to := s.compute(i, sp, taken)
	for r := range s.regs {
		if i.writes&(1<<r) != 0 && (r != to || i.op == none) {
			if r == int(sp) && (i.op == push || i.op == pop) {
				s.regs[r] = s.moved(sp, i.op)
				continue
			}
			s.regs[r] = s.unknown()
		}
	}
	if to >= 0 {
		s.regs[to] = v
	}
	if i.setFlags {
		s.flags = s.unknown()
	}
	if i.op == test {
		s.flags = s.regs[i.src]
	}
}

// moved is the stack pointer behind a push or pop.
func (s *state) moved(sp int8, o op) value {
	if o == push {
		return s.plus(s.regs[sp], -8)
	}
	return s.plus(s.regs[sp], 8)
}

// compute returns what an instruction computes and for which register, -1 for none.
func (s *state) compute(i inst, sp int8, taken bool) (v value, to int) {
	switch i.op {
	case move:
		return s.regs[i.src], int(i.dst)
	case add:
		return s.plus(s.regs[i.src], i.imm), int(i.dst)
	case set:
		return value{kind: constant, n: i.imm}, int(i.dst)
	case load:
		return s.load(s.regs[i.src], i.imm, i.width), int(i.dst)
	case pop:
		if i.dst >= 0 {
			return s.load(s.regs[sp], 0, 8), int(i.dst)
		}
	case cmove, cload:
		return s.choose(i, taken), int(i.dst)
	case store:
		if at := s.regs[i.dst]; at.kind == stack {
			s.stored = append(s.stored, at.n+i.imm)
		}
	case push:
		if at := s.regs[sp]; at.kind == stack {
			s.stored = append(s.stored, at.n-8)
		}
	}
	return value{}, -1
}

func (s *state) choose(i inst, taken bool) value {
	switch {
	case !taken:
		return s.regs[i.dst]
	case i.op == cmove:
		return s.regs[i.src]
	}
	return s.load(s.regs[i.src], i.imm, i.width)
}

func (s *state) plus(v value, n int64) value {
	switch v.kind {
	case constant, argument, stack:
		v.n += n
		return v
	}
	return s.unknown()
}

// load returns what is in memory. Of pointers in a session only whole ones are
// followed, and at most two.
func (s *state) load(base value, off int64, width uint8) value {
	at := base.n + off
	switch {
	case base.kind == stack:
		return value{kind: slot, n: at, id: int32(width)}
	case base.kind == argument && width == 8 && int(base.depth) < len(base.loads) && at == int64(int32(at)):
		base.loads[base.depth] = int32(at)
		base.depth++
		base.n = 0
		return base
	}
	return s.unknown()
}
