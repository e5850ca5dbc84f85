package exe

// An abi says which registers a function's values are in.
type abi struct {
	arguments []int8 // registers of the first arguments
	result    int8
	sp        int8
	kept      uint32 // registers that keep their values over a call
	link      uint32 // what a return probe needs as the caller left it
}

// Registers by their numbers in the encoding.
const (
	rax, rcx, rdx, rbx = 0, 1, 2, 3
	rsp, rbp, rsi, rdi = 4, 5, 6, 7
	r8                 = 8

	x29, x30, armSP = 29, 30, 31
)

// The ABIs of C: System V, AMD64 supplement 3.2.3; AAPCS64 6.1.1.
var cABI = map[Arch]abi{
	AMD64: {
		arguments: []int8{rdi, rsi, rdx, rcx, r8}, result: rax, sp: rsp, link: 1 << rsp,
		kept: 1<<rbx | 1<<rsp | 1<<rbp | 1<<12 | 1<<13 | 1<<14 | 1<<15,
	},
	ARM64: {arguments: []int8{0, 1, 2, 3, 4}, result: 0, sp: armSP, link: 1<<x30 | 1<<armSP, kept: 0xbff80000},
}

// Go's own, ABIInternal: cmd/compile/abi-internal.md.
var goABI = map[Arch]abi{
	AMD64: {arguments: []int8{rax, rbx, rcx}, result: rax, sp: rsp, kept: 1 << rsp},
	ARM64: {arguments: []int8{0, 1, 2}, result: 0, sp: armSP, kept: 1 << armSP},
}

// holding are the registers of the first n arguments.
func (a abi) holding(n int) (set uint32) {
	for _, r := range a.arguments[:n] {
		set |= 1 << r
	}
	return set
}
