package exe

import "encoding/binary"

// decodeARM64 decodes an instruction by the encoding groups of the Arm
// Architecture Reference Manual, C4.1. Emulated are those that the kernel
// simulates: arch/arm64/kernel/probes/decode-insn.c; nop it does from 6.12 on, which does not count.
func decodeARM64(b []byte, addr uint64) inst {
	if len(b) < 4 {
		return inst{addr: addr, size: len(b), flow: undecoded, writes: everything}
	}
	w := binary.LittleEndian.Uint32(b)
	i := inst{addr: addr, size: 4, setFlags: true}
	switch {
	case w&0xffff0000 == 0, w&0xffe0001f == 0xd4200000: // udf, brk
		i.flow = stop
	case w&0x1c000000 == 0x14000000: // branches, exceptions, system
		branchARM64(&i, w)
	case w&0x1c000000 == 0x10000000: // data processing, immediate
		i.writes = 1 << (w & 31)
		i.emulated = w&0x1f000000 == 0x10000000 // adr, adrp
		i.effect = liftImmediate(w)
	case w&0x0a000000 == 0x08000000:
		memoryARM64(&i, w)
	case w&0x0e000000 == 0x0a000000, w&0x0e000000 == 0x0e000000: // data processing, registers and SIMD
		i.writes = 1 << (w & 31)
		if w&0xffe0ffe0 == 0xaa0003e0 { // mov
			i.effect = effect{op: move, dst: int8(w & 31), src: int8(w >> 16 & 31)}
		}
	default:
		i.writes = everything
	}
	return i
}

func branchARM64(i *inst, w uint32) {
	i.emulated = true
	to := func(bits, shift uint) uint64 { return i.addr + uint64(int64(w)<<(64-bits-shift)>>(64-bits)<<2) }
	switch {
	case w&0xfc000000 == 0x14000000: // b
		i.flow, i.target = jump, to(26, 0)
	case w&0xfc000000 == 0x94000000: // bl
		i.flow, i.target, i.writes = call, to(26, 0), everything
	case w&0xff000010 == 0x54000000, w&0x7e000000 == 0x34000000: // b.cond, cbz, cbnz
		i.flow, i.target = branch, to(19, 5)
	case w&0x7e000000 == 0x36000000: // tbz, tbnz
		i.flow, i.target = branch, to(14, 5)
	case w&0xfffffc1f == 0xd61f0000: // br
		i.flow = jump
	case w&0xfffffc1f == 0xd63f0000: // blr
		i.flow, i.writes = call, everything
	case w&0xfffffc1f == 0xd65f0000:
		i.flow = ret
	case w == 0xd503201f, w&0xffffff3f == 0xd503241f: // nop, bti
		i.emulated = false
	case w&0xfffff01f == 0xd503201f: // other hints: some sign or check the link register
		i.emulated, i.writes = false, 1<<x30
	case w&0xfffffbff == 0xd65f0bff: // retaa, retab
		i.emulated, i.flow = false, ret
	default:
		i.emulated, i.writes = false, everything
	}
}

func liftImmediate(w uint32) effect {
	if w&0xff800000 != 0x91000000 { // add of 64 bits
		return effect{}
	}
	imm := int64(w >> 10 & 0xfff)
	if w&(1<<22) != 0 {
		imm <<= 12
	}
	return effect{op: add, dst: int8(w & 31), src: int8(w >> 5 & 31), imm: imm}
}

// memoryARM64 is for loads and stores. Exclusive and atomic ones it does not know.
func memoryARM64(i *inst, w uint32) {
	base, data := uint32(1)<<(w>>5&31), uint32(1)<<(w&31)
	simd := w&(1<<26) != 0
	switch {
	case w&0x3b000000 == 0x18000000: // ldr of a literal
		i.writes = data
		i.emulated = !simd && w>>30 != 3 // which is prfm
	case w&0x3a000000 == 0x28000000: // ldp, stp
		if w&(1<<22) != 0 && !simd {
			i.writes = data | 1<<(w>>10&31)
		}
		if w&(1<<23) != 0 { // the base is written back
			i.writes |= base
		}
	case w&0x3b000000 == 0x39000000: // ldr, str: unsigned offset
		i.writes = loaded(w, data)
		i.effect = liftMemory(w)
	case w&0x3b200000 == 0x38000000: // unscaled, written back, unprivileged
		i.writes = loaded(w, data)
		if w&(1<<10) != 0 {
			i.writes |= base
		}
	case w&0x3b200c00 == 0x38200800: // register offset
		i.writes = loaded(w, data)
	default:
		i.writes = everything
	}
}

// loaded are the general registers a load writes; none for a store.
func loaded(w, data uint32) uint32 {
	if w>>22&3 == 0 || w&(1<<26) != 0 {
		return 0
	}
	return data
}

// liftMemory knows ldr and str of 64 bits.
func liftMemory(w uint32) effect {
	base, data, imm := int8(w>>5&31), int8(w&31), int64(w>>10&0xfff)*8
	switch w & 0xffc00000 {
	case 0xf9400000:
		return effect{op: load, dst: data, src: base, imm: imm, width: 8}
	case 0xf9000000:
		return effect{op: store, dst: base, src: data, imm: imm, width: 8}
	}
	return effect{}
}
