package exe

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A flow is where execution goes from an instruction.
type flow uint8

const (
	next   flow = iota
	jump        // to the target; nobody knows where when that is 0
	branch      // to the target or the next
	call        // of the target, 0 unknown, then the next
	ret         // to the caller
	stop        // nowhere: a trap
	undecoded
)

// An inst is a decoded instruction: what an analysis of values, and one of ways, needs of it.
type inst struct {
	addr     uint64
	size     int
	flow     flow
	target   uint64
	emulated bool   // by the kernel, where a probe is on it
	writes   uint32 // registers that have another value behind it, a bit for each: 1<<number
	setFlags bool   // the condition flags have another value behind it
	effect
}

const everything = ^uint32(0) // all registers

// An effect is what an instruction computes. What is not listed here has the
// effect none, and leaves unknown values in the registers it writes.
type effect struct {
	op       op
	dst, src int8
	width    uint8 // of memory, bytes
	imm      int64
	cond     cond
}

type op uint8

const (
	none  op = iota
	move     // dst = src
	add      // dst = src + imm
	load     // dst = memory at src + imm
	store    // memory at dst + imm = src
	set      // dst = imm
	test     // flags = src compared with 0
	push     // of src
	pop      // to dst
	cmove    // if cond, dst = src
	cload    // if cond, dst = memory at src + imm
)

// A cond compares a signed integer with 0.
type cond uint8

const (
	other cond = iota
	zero
	notZero
	below
	notBelow
	above
	notAbove
)

func (c cond) not() cond {
	return [...]cond{other: other, zero: notZero, notZero: zero, below: notBelow, notBelow: below, above: notAbove, notAbove: above}[c]
}

// A function is the code of one.
type function struct {
	file  *file
	name  string
	start uint64 // address
	off   uint64 // of start in the file
	insts []inst // never empty
	whole bool   // all of it was decoded
	again uint64 // the lowest address that a jump leads to
	inner uint64 // likewise, but the start, to which functions of Go jump when their stack has grown
}

// function reads and decodes the code at an address. A size of 0 is unknown: some
// code is read, and not all of it need be the function's.
func (f *file) function(name string, addr, size uint64) (*function, error) {
	off, rest, ok := f.offset(addr, true)
	if !ok {
		return nil, fmt.Errorf("%s: no code at %#x", name, addr)
	}
	b := make([]byte, min(cmp.Or(size, 256), rest, maxCode))
	if err := readFull(f.r, off, b); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	fn := &function{file: f, name: name, start: addr, off: off, whole: uint64(len(b)) == size}
	for at := 0; at < len(b); at += fn.insts[len(fn.insts)-1].size {
		fn.insts = append(fn.insts, f.arch.decode(b[at:], addr+uint64(at)))
	}
	fn.again, fn.inner = math.MaxUint64, math.MaxUint64
	for _, i := range fn.insts {
		if (i.flow == jump || i.flow == branch) && i.target >= addr {
			fn.again = min(fn.again, i.target)
			if i.target > addr {
				fn.inner = min(fn.inner, i.target)
			}
		}
		fn.whole = fn.whole && i.flow != undecoded
	}
	return fn, nil
}

// decode decodes the instruction that begins b.
func (a Arch) decode(b []byte, addr uint64) inst {
	if a == ARM64 {
		return decodeARM64(b, addr)
	}
	return decodeAMD64(b, addr)
}

// at returns the index of the instruction at an address.
func (fn *function) at(addr uint64) (int, bool) {
	return slices.BinarySearchFunc(fn.insts, addr, func(i inst, addr uint64) int { return cmp.Compare(i.addr, addr) })
}

// inside reports whether an address is the function's.
func (fn *function) inside(addr uint64) bool {
	last := fn.insts[len(fn.insts)-1]
	return addr >= fn.start && addr < last.addr+uint64(last.size)
}

// point is the instruction i as one to put a probe on.
func (fn *function) point(i int, r Result) Point {
	in := fn.insts[i]
	return Point{Offset: fn.off + in.addr - fn.start, Emulated: in.emulated, Result: r}
}
