package exe

import "fmt"

// A function of Go ends in returns only, but on amd64 a probe on a return costs
// two traps. Where a deferred function runs before it, the result is in its place on
// the stack already: a deferred function could change it. So the deferred
// function's beginning serves, when its code shows an emulated instruction there.
//
// A panic runs deferred functions as well, from elsewhere. What is then in the
// result's place is no number of bytes; one that is not between 1 and the size asked for
// says that nothing was moved.

// maxDeferred is how many deferred functions are looked for.
const maxDeferred = 4

// deferredName is what the compiler calls a function's deferred call of a method.
func deferredName(function string, n int) string { return fmt.Sprintf("%s.deferwrap%d", function, n) }

// goExits returns where a function's result is known.
func (fn *function) goExits(a abi, others map[string]*function) (exits []Point) {
	returns := fn.goReturns(a)
	for n := maxDeferred; n > 0 && fn.file.arch == AMD64; n-- { // the last runs first
		d := others[deferredName(fn.name, n)]
		if d == nil {
			continue
		}
		if exit, rest, ok := fn.deferredExit(a, d, returns); ok {
			exits, returns = append(exits, exit), rest
			break
		}
	}
	for _, r := range returns {
		exits = append(exits, fn.point(r.inst, Result{In: InRegister, Size: 8}))
	}
	return exits
}

// A goReturn is a return, and what was done just before it.
type goReturn struct {
	inst  int
	calls []int64 // where on the stack were the functions called, in order; counted from the stack pointer
	slot  int64   // where on the stack the result is, likewise; -1 elsewhere
}

// goReturns returns all returns of a function.
func (fn *function) goReturns(a abi) (found []goReturn) {
	for i, in := range fn.insts {
		if in.flow == ret {
			found = append(found, fn.before(i, a))
		}
	}
	return found
}

// before goes back from a return as far as nothing leads there from elsewhere.
func (fn *function) before(i int, a abi) goReturn {
	r := goReturn{inst: i, slot: -1}
	from := i
	for from > 0 && i-from < 64 && fn.insts[from-1].flow != jump && fn.insts[from-1].flow != ret && !fn.target(from) {
		from--
	}
	closure, code := int64(-1), int64(-1)
	for _, in := range fn.insts[from:i] {
		switch {
		case in.op == load && in.src == a.sp && in.dst == a.result:
			r.slot = in.imm
		case in.op == load && in.src == a.sp && in.dst == rdx:
			closure = in.imm
		case in.op == load && in.src == rdx && in.imm == 0:
			code = closure
		case in.flow == call:
			if in.target == 0 && code >= 0 {
				r.calls = append(r.calls, code)
			}
			r.slot, closure, code = -1, -1, -1
		case in.writes&(1<<a.result) != 0:
			r.slot = -1
		}
	}
	return r
}

// target reports whether a jump leads to an instruction.
func (fn *function) target(i int) bool {
	for _, in := range fn.insts {
		if (in.flow == jump || in.flow == branch) && in.target == fn.insts[i].addr {
			return true
		}
	}
	return false
}

// deferredExit returns a point in a deferred function at which the result is
// known, and the returns that the function does not run before.
func (fn *function) deferredExit(a abi, d *function, returns []goReturn) (exit Point, rest []goReturn, ok bool) {
	holder, ok := fn.deferredAt(a, d)
	at, emulated := d.first(1<<a.sp, 0, d.inner)
	if emulated && d.insts[at].flow == branch { // the check of the stack
		at, emulated = d.first(1<<a.sp, at+1, d.inner)
	}
	if !ok || !emulated {
		return Point{}, nil, false
	}
	slot := int64(-1)
	for _, r := range returns {
		runs := false
		for _, c := range r.calls {
			runs = runs || c == holder
		}
		switch {
		case !runs:
			rest = append(rest, r)
		case r.slot < 0 || slot >= 0 && slot != r.slot:
			return Point{}, nil, false
		default:
			slot = r.slot
		}
	}
	if slot < 0 {
		return Point{}, nil, false
	}
	const returnAddress = 8 // the call pushed it
	return d.point(at, Result{In: OnStack, Size: 8, Offset: int32(slot + returnAddress)}), rest, true
}

// deferredAt returns where on the stack a function keeps the pointer to the
// closure of its deferred function d: lea d, r; mov r, closure(sp); lea closure(sp), r; mov r, holder(sp).
func (fn *function) deferredAt(a abi, d *function) (holder int64, ok bool) {
	closure, code, pointer := int64(-1), int8(-1), int8(-1)
	for _, in := range fn.insts {
		switch {
		case in.op == set && uint64(in.imm) == d.start:
			closure, code, pointer = -1, in.dst, -1
		case in.op == store && in.dst == a.sp && in.src >= 0 && in.src == code:
			closure, code = in.imm, -1
		case in.op == store && in.dst == a.sp && in.src >= 0 && in.src == pointer:
			return in.imm, true
		case in.op == add && in.src == a.sp && in.imm == closure && closure >= 0:
			pointer = in.dst
		case code >= 0 && in.writes&(1<<code) != 0:
			code = -1
		case pointer >= 0 && in.writes&(1<<pointer) != 0:
			pointer = -1
		}
	}
	return 0, false
}
