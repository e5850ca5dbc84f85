package exe

import "slices"

// ends puts the exits of a C function, whose result has a size, and where a return
// probe goes if one is needed.
//
// Best is an instruction that is emulated, and that all calls come to behind all
// the function's own calls: stack protectors are a jump there. Where every
// return is emulated, as on arm64, or a return probe would cost two traps
// as well, the returns themselves are taken.
func (fn *function) ends(a abi, size uint8, f *Function) {
	paths, ok := fn.walk(a, nil)
	if !ok {
		f.Return = fn.returnPoint(a)
		return
	}
	for _, mayMiss := range []bool{false, true} {
		for i := range fn.insts {
			if r, ok := resultAt(paths, i, size, mayMiss); ok {
				f.Exits = []Point{fn.point(i, r)}
				return
			}
		}
	}
	to, leaves := leavesTo(paths)
	returns := fn.returns(size)
	switch p := fn.returnPoint(a); {
	case p.Emulated:
		f.Return = p
	case !leaves:
		f.Exits = returns
	default:
		f.Return = p
		if there, err := fn.file.function(fn.name, to, 0); to != 0 && err == nil && there.returnPoint(a).Emulated {
			f.Exits, f.Return = returns, there.returnPoint(a)
		}
	}
}

// returns are all instructions of a function that return.
func (fn *function) returns(size uint8) (points []Point) {
	for i, in := range fn.insts {
		if in.flow == ret {
			points = append(points, fn.point(i, Result{In: InRegister, Size: size}))
		}
	}
	return points
}

// leavesTo reports whether paths leave for other code, and for which: 0 if
// nobody knows, or it is not the same for all.
func leavesTo(paths []path) (to uint64, leaves bool) {
	for _, p := range paths {
		if p.end != left {
			continue
		}
		if leaves && p.to != to {
			return 0, true
		}
		to, leaves = p.to, true
	}
	return to, leaves
}

// resultAt reports whether all paths come to an instruction, behind their last
// call, with the result in one place. Those for calls whose size is below 1 may be
// allowed to miss it.
func resultAt(paths []path, i int, size uint8, mayMiss bool) (Result, bool) {
	inRegister, guarded, seen := true, true, false
	var place Result
	for _, p := range paths {
		if p.end == died {
			continue
		}
		m, ok := p.at(i)
		switch {
		case p.end == left:
			return Result{}, false
		case ok:
			seen = true
			inRegister = inRegister && p.result == m.result
			guarded = guarded && p.guarded(m, &place)
		case !mayMiss || !p.proves(sizeArgument, notAbove):
			return Result{}, false
		}
	}
	if inRegister {
		return Result{In: InRegister, Size: size}, seen
	}
	return place, seen && guarded && place.Guarded
}

// sizeArgument is the third argument of functions that read and write.
var sizeArgument = value{kind: argument, id: 2}

func (p *path) at(i int) (mark, bool) {
	for _, m := range p.marks {
		if m.inst == i {
			return m, true
		}
	}
	return mark{}, false
}

// guarded reports whether the result is what the register says, if that is not above 0,
// else what is in a slot of the stack: the same on all paths.
func (p *path) guarded(m mark, place *Result) bool {
	if p.result == m.result {
		return p.proves(m.result, notAbove)
	}
	off := p.result.n - m.sp.n
	if p.result.kind != slot || m.sp.kind != stack || !p.proves(m.result, above) ||
		slices.Contains(p.stored[m.stored:], p.result.n) {
		return false
	}
	r := Result{In: OnStack, Size: uint8(p.result.id), Offset: int32(off), Guarded: true}
	was := *place
	*place = r
	return (was == Result{} || was == r) && (r.Size == 4 || r.Size == 8)
}
