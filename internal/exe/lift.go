package exe

import "golang.org/x/arch/x86/x86asm"

// liftAMD64 returns what an instruction computes, as far as an analysis asks.
// Operations on 8 and 16 bits have no effect it knows.
func liftAMD64(x x86asm.Inst, addr uint64) effect {
	switch x.Op {
	case x86asm.PUSH:
		if r, ok := register(x.Args[0]); ok {
			return effect{op: push, src: r}
		}
		return effect{op: push, src: -1}
	case x86asm.POP:
		if r, ok := register(x.Args[0]); ok {
			return effect{op: pop, dst: r}
		}
		return effect{op: pop, dst: -1}
	case x86asm.LEAVE:
		return effect{op: add, dst: rsp, src: rbp, imm: 8}
	case x86asm.CDQE:
		return effect{op: move, dst: rax, src: rax}
	}
	if _, ok := x.Args[0].(x86asm.Mem); ok {
		return liftStore(x)
	}
	if dst, ok := register(x.Args[0]); ok && x.DataSize >= 32 {
		return liftRegister(x, dst, addr)
	}
	return effect{}
}

// liftRegister returns what is computed for a register.
func liftRegister(x x86asm.Inst, dst int8, addr uint64) effect {
	switch x.Op {
	case x86asm.MOV, x86asm.MOVSXD:
		return liftMove(x, dst, move, load)
	case x86asm.LEA:
		m, _ := x.Args[1].(x86asm.Mem)
		if m.Base == x86asm.RIP {
			return effect{op: set, dst: dst, imm: int64(addr) + int64(x.Len) + m.Disp}
		}
		if src, ok := register(m.Base); ok && m.Index == 0 {
			return effect{op: add, dst: dst, src: src, imm: m.Disp}
		}
	case x86asm.ADD, x86asm.SUB:
		if imm, ok := x.Args[1].(x86asm.Imm); ok && x.Op == x86asm.ADD {
			return effect{op: add, dst: dst, src: dst, imm: int64(imm)}
		} else if ok {
			return effect{op: add, dst: dst, src: dst, imm: -int64(imm)}
		}
	case x86asm.XOR:
		if x.Args[0] == x.Args[1] {
			return effect{op: set, dst: dst}
		}
	case x86asm.TEST, x86asm.CMP:
		if x.Op == x86asm.TEST && x.Args[0] == x.Args[1] || x.Op == x86asm.CMP && x.Args[1] == x86asm.Imm(0) {
			return effect{op: test, src: dst}
		}
	default:
		if c := conds[x.Op]; c != other {
			e := liftMove(x, dst, cmove, cload)
			e.cond = c
			return e
		}
	}
	return effect{}
}

// liftMove returns a move to a register, of a kind that depends on where from.
func liftMove(x x86asm.Inst, dst int8, fromRegister, fromMemory op) effect {
	switch a := x.Args[1].(type) {
	case x86asm.Reg:
		if src, ok := register(a); ok {
			return effect{op: fromRegister, dst: dst, src: src}
		}
	case x86asm.Imm:
		if x.DataSize == 32 {
			return effect{op: set, dst: dst, imm: int64(int32(a))} // as the signed int that it is
		}
		return effect{op: set, dst: dst, imm: int64(a)}
	case x86asm.Mem:
		if src, ok := register(a.Base); ok && a.Index == 0 && a.Segment == 0 {
			return effect{op: fromMemory, dst: dst, src: src, imm: a.Disp, width: uint8(x.MemBytes)}
		}
	}
	return effect{}
}

// liftStore returns what is written to memory.
func liftStore(x x86asm.Inst) effect {
	m, _ := x.Args[0].(x86asm.Mem)
	base, ok := register(m.Base)
	if !ok || m.Index != 0 || m.Segment != 0 || writeNone[x.Op] {
		return effect{}
	}
	src, ok := register(x.Args[1])
	if !ok || x.Op != x86asm.MOV {
		src = -1 // nobody knows what
	}
	return effect{op: store, dst: base, src: src, imm: m.Disp, width: uint8(x.MemBytes)}
}
