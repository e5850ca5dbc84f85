package exe

// entry returns the first instruction that the kernel emulates, that every call
// executes, once, and where the first n arguments are still in their registers;
// else the function's first instruction.
func (fn *function) entry(a abi, n int) Point {
	if i, ok := fn.first(a.holding(n), 0, fn.again); ok {
		return fn.point(i, Result{})
	}
	return fn.point(0, Result{})
}

// goEntry is entry for a function of Go. Behind the check of the stack, if that is possible:
// a call whose stack has to grow begins again.
func (fn *function) goEntry(a abi, n int) Point {
	i, ok := fn.first(a.holding(n), 0, fn.inner)
	if ok && fn.insts[i].flow == branch {
		if j, ok := fn.first(a.holding(n), i+1, fn.inner); ok {
			return fn.point(j, Result{})
		}
	}
	if ok {
		return fn.point(i, Result{})
	}
	return fn.point(0, Result{})
}

// returnPoint returns the first instruction that is emulated and finds the return
// address where the caller left it; else the function's first instruction.
func (fn *function) returnPoint(a abi) Point {
	if i, ok := fn.first(a.link, 0, fn.again); ok {
		return fn.point(i, Result{})
	}
	return fn.point(0, Result{})
}

// first returns the first instruction from one on that is emulated and that every
// call comes to once, as long as none before it writes the registers. Jumps lead to
// again or behind it, and never to a push.
func (fn *function) first(intact uint32, from int, again uint64) (int, bool) {
	for i := from; i < len(fn.insts); i++ {
		in := fn.insts[i]
		if in.emulated && (i == 0 || in.op == push || fn.whole && in.addr < again) {
			return i, true
		}
		if in.flow != next || in.writes&intact != 0 {
			break
		}
	}
	return 0, false
}
