package exe

import "golang.org/x/arch/x86/x86asm"

// emulatedAMD64 reports whether the kernel emulates an instruction when a uprobe is on it:
// branch_setup_xol_ops and push_setup_xol_ops of arch/x86/kernel/uprobes.c. What
// only newer kernels emulate, as nops of several bytes, does not count.
func emulatedAMD64(b []byte) bool {
	switch op := b[0]; {
	case op >= 0x50 && op <= 0x57: // push
		return true
	case op == 0x41: // push of r8 to r15
		return len(b) == 2 && b[1] >= 0x50 && b[1] <= 0x57
	case op == 0xeb, op == 0xe9, op == 0xe8, op == 0x90: // jmp, call, nop
		return true
	case op >= 0x70 && op <= 0x7f: // jcc
		return true
	case op == 0x0f: // jcc with 4 bytes of offset
		return len(b) == 6 && b[1] >= 0x80 && b[1] <= 0x8f
	}
	return false
}

func decodeAMD64(b []byte, addr uint64) inst {
	if len(b) >= 4 && b[0] == 0xf3 && b[1] == 0x0f && b[2] == 0x1e && b[3] == 0xfa { // endbr64
		return inst{addr: addr, size: 4}
	}
	x, err := x86asm.Decode(b, 64)
	if err != nil || x.Len == 0 {
		return inst{addr: addr, size: len(b), flow: undecoded, writes: everything} // how long it is, nobody knows
	}
	i := inst{addr: addr, size: x.Len, emulated: emulatedAMD64(b[:x.Len]), writes: writesAMD64(x), setFlags: !keepFlags[x.Op]}
	if rel, ok := x.Args[0].(x86asm.Rel); ok {
		i.target = addr + uint64(x.Len) + uint64(int64(rel))
	}
	switch {
	case x.Op == x86asm.JMP:
		i.flow = jump
	case x.Op == x86asm.CALL:
		i.flow = call
	case x.Op == x86asm.RET:
		i.flow = ret
	case x.Op == x86asm.HLT, x.Op == x86asm.UD2, x.Op == x86asm.INT:
		i.flow = stop
	case conditional(x):
		i.flow, i.cond, i.setFlags = branch, conds[x.Op], false
	default:
		i.effect = liftAMD64(x, addr)
	}
	return i
}

// conditional reports whether an instruction is a conditional jump: nothing else
// has a relative address for its only operand.
func conditional(x x86asm.Inst) bool {
	_, ok := x.Args[0].(x86asm.Rel)
	return ok && x.Op != x86asm.JMP && x.Op != x86asm.CALL
}

// conds are the comparisons with 0 behind TEST of a register with itself or CMP with 0.
var conds = map[x86asm.Op]cond{
	x86asm.JE: zero, x86asm.JNE: notZero, x86asm.JS: below, x86asm.JL: below, x86asm.JNS: notBelow,
	x86asm.JGE: notBelow, x86asm.JG: above, x86asm.JLE: notAbove,
	x86asm.CMOVE: zero, x86asm.CMOVNE: notZero, x86asm.CMOVS: below, x86asm.CMOVL: below, x86asm.CMOVNS: notBelow,
	x86asm.CMOVGE: notBelow, x86asm.CMOVG: above, x86asm.CMOVLE: notAbove,
}

// Operations that write at most their first operand, and those that write no
// register; both may write flags.
var (
	writeFirst = setOf(x86asm.MOV, x86asm.MOVSX, x86asm.MOVSXD, x86asm.MOVZX, x86asm.LEA, x86asm.XOR, x86asm.ADD, x86asm.SUB,
		x86asm.AND, x86asm.OR, x86asm.INC, x86asm.DEC, x86asm.NEG, x86asm.NOT, x86asm.SHL, x86asm.SHR, x86asm.SAR,
		x86asm.SBB, x86asm.ADC, x86asm.CMOVA, x86asm.CMOVAE, x86asm.CMOVB, x86asm.CMOVBE, x86asm.CMOVE, x86asm.CMOVG,
		x86asm.CMOVGE, x86asm.CMOVL, x86asm.CMOVLE, x86asm.CMOVNE, x86asm.CMOVNS, x86asm.CMOVS, x86asm.SETA,
		x86asm.SETAE, x86asm.SETB, x86asm.SETBE, x86asm.SETE, x86asm.SETG, x86asm.SETGE, x86asm.SETL, x86asm.SETLE,
		x86asm.SETNE, x86asm.SETNS, x86asm.SETS, x86asm.MOVUPS, x86asm.MOVAPS, x86asm.MOVUPD, x86asm.MOVAPD,
		x86asm.MOVDQA, x86asm.MOVDQU, x86asm.MOVQ, x86asm.MOVD, x86asm.PXOR, x86asm.XORPS, x86asm.PUNPCKLQDQ,
		x86asm.MOVHPS, x86asm.MOVLHPS, x86asm.BSWAP)
	writeNone = setOf(x86asm.CMP, x86asm.TEST, x86asm.BT, x86asm.NOP, x86asm.JMP)
	keepFlags = setOf(x86asm.MOV, x86asm.MOVSX, x86asm.MOVSXD, x86asm.MOVZX, x86asm.LEA, x86asm.PUSH, x86asm.POP,
		x86asm.NOP, x86asm.CDQE, x86asm.LEAVE, x86asm.NOT, x86asm.BSWAP, x86asm.JMP, x86asm.CMOVA, x86asm.CMOVAE,
		x86asm.CMOVB, x86asm.CMOVBE, x86asm.CMOVE, x86asm.CMOVG, x86asm.CMOVGE, x86asm.CMOVL, x86asm.CMOVLE,
		x86asm.CMOVNE, x86asm.CMOVNS, x86asm.CMOVS, x86asm.MOVUPS, x86asm.MOVAPS, x86asm.MOVDQA, x86asm.MOVDQU,
		x86asm.MOVQ, x86asm.MOVD, x86asm.PXOR, x86asm.PUNPCKLQDQ)
)

func setOf(list ...x86asm.Op) map[x86asm.Op]bool {
	m := make(map[x86asm.Op]bool, len(list))
	for _, op := range list {
		m[op] = true
	}
	return m
}

// writesAMD64 returns the registers an instruction changes. One that is not
// known changes all.
func writesAMD64(x x86asm.Inst) uint32 {
	switch {
	case writeNone[x.Op], conditional(x):
		return 0
	case x.Op == x86asm.PUSH:
		return 1 << rsp
	case x.Op == x86asm.POP:
		return destination(x) | 1<<rsp
	case x.Op == x86asm.LEAVE:
		return 1<<rsp | 1<<rbp
	case x.Op == x86asm.CALL:
		return everything
	case x.Op == x86asm.CDQE:
		return 1 << rax
	case writeFirst[x.Op], x.Op == x86asm.IMUL && x.Args[1] != nil:
		return destination(x)
	}
	return everything
}

func destination(x x86asm.Inst) uint32 {
	if n, ok := register(x.Args[0]); ok {
		return 1 << n
	}
	return 0
}

// register returns which general register an operand is, or a part of it.
func register(a x86asm.Arg) (n int8, ok bool) {
	r, ok := a.(x86asm.Reg)
	switch {
	case !ok:
	case r >= x86asm.AL && r <= x86asm.BL:
		return int8(r - x86asm.AL), true
	case r >= x86asm.AH && r <= x86asm.BH:
		return int8(r - x86asm.AH), true
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return int8(r-x86asm.SPB) + 4, true
	case r >= x86asm.AX && r <= x86asm.R15W:
		return int8(r - x86asm.AX), true
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return int8(r - x86asm.EAX), true
	case r >= x86asm.RAX && r <= x86asm.R15:
		return int8(r - x86asm.RAX), true
	}
	return 0, false
}
