package exe

// The getters of the client's random copy it, or tell where it is. Either way
// they make its address, from the session they are given.

// copiedFrom returns the one place, as Library.Random, whose address a function
// makes from its first argument; nil if there is none, or several.
func (fn *function) copiedFrom(a abi) []int32 {
	var found value
	several := false
	fn.walk(a, func(s *state, in inst) {
		if in.op != add || in.imm == 0 {
			return
		}
		if v := s.plus(s.regs[in.src], in.imm); v.kind == argument && v.id == 0 {
			several = several || found != value{} && found != v
			found = v
		}
	})
	if several {
		return nil
	}
	return found.way()
}

// storedTo returns the one place in its first argument whose address a function
// stores where its second argument points.
func (fn *function) storedTo(a abi) []int32 {
	var found value
	several := false
	fn.walk(a, func(s *state, in inst) {
		if in.op != store || in.src < 0 || in.imm != 0 || s.regs[in.dst] != (value{kind: argument, id: 1}) {
			return
		}
		v := s.regs[in.src]
		several = several || found != value{} && found != v
		found = v
	})
	if several || found.kind != argument || found.id != 0 {
		return nil
	}
	return found.way()
}

// way returns the offsets that lead to what a pointer points to.
func (v value) way() []int32 {
	if v.kind != argument || v.n <= 0 || v.n != int64(int32(v.n)) {
		return nil
	}
	return append(append([]int32(nil), v.loads[:v.depth]...), int32(v.n))
}
