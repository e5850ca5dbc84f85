// Package exe finds, in an ELF file, the TLS libraries it holds and the
// instructions at which their calls are best observed.
//
// A probe is cheap on an instruction that the kernel emulates, and costs a
// second trap on any other. So a function's calls are taken where its arguments
// are still in their registers and the instruction is emulated, and its results
// where the analysis of its code shows them. What cannot be shown is not used:
// what then remains is a return probe, or the function's returns.
//
// Files are read in pieces, and what is kept is bounded: a file may be hostile.
package exe

import "errors"

// Kind says whose functions a library has.
type Kind uint8

// The kinds of libraries.
const (
	OpenSSL Kind = iota + 1 // and those with its functions: BoringSSL, LibreSSL
	GnuTLS
	GoTLS // crypto/tls
)

func (k Kind) String() string {
	return [...]string{"", "OpenSSL", "GnuTLS", "Go crypto/tls"}[k]
}

// Arch is the machine a file is for.
type Arch uint8

// The architectures.
const (
	AMD64 Arch = iota + 1
	ARM64
)

// Op is what a function does with a session.
type Op uint8

// The operations. C functions have (session, ...), those of Go (conn, buffer, length, capacity).
const (
	Read      Op = iota + 1 // (session, buffer, size) returns the bytes moved, or something below 1
	Write                   // likewise
	ReadEx                  // (session, buffer, size, ...) returns 1 when the 8 bytes that Function.Moved points to are valid
	WriteEx                 // likewise
	Sendfile                // (session, fd, offset, size, flags) returns the bytes moved
	Handshake               // (session, ...): moves no plaintext, but uses the session's socket
	Flush                   // (session, ...): sends what a write took before; writes with the session inside of it move nothing
)

// A Library is a TLS implementation found in a file.
type Library struct {
	Kind      Kind
	Arch      Arch
	Version   string // "go1.26.8", or the library's file name as "libssl.so.3"; "" unknown
	Functions []Function
	// Random leads from the session pointer to the client's 32 random bytes:
	// follow the pointers at all offsets but the last, add the last. nil: unknown.
	Random []int32
}

// A Function is one whose calls are observed. Calls may be inside of one another,
// with one session too: what Node writes first, it writes in a callback of SSL_read.
type Function struct {
	Name  string // "SSL_read", "crypto/tls.(*Conn).Read"
	Op    Op
	Entry Point // where the arguments are in their registers
	Moved uint8 // of ReadEx and WriteEx: which argument, the first is 0, points to the number of bytes moved
	// Every return of a call passes one of Exits, or a return probe at Return if that has
	// an Offset: never in Go. It may pass two, and the first counts; and code may be shared:
	// an exit ends only a call of its own function. Calls whose size is below 1 may
	// pass none.
	Exits  []Point
	Return Point // the return address is in its place there. Offset 0: no return probe
	Size   uint8 // of the result in the return register, bytes: 4 (a signed int) or 8
}

// A Point is an instruction to put a probe on.
type Point struct {
	Offset   uint64 // in the file
	Emulated bool   // by every kernel from 5.10 on: one trap, not two
	Result   Result // exits only
}

// A Place is where a result is.
type Place uint8

// The places.
const (
	InRegister Place = iota + 1 // the return register: rax, x0
	OnStack                     // at the stack pointer + Result.Offset
)

// A Result says where a function's result is at one of its exits. In Go the
// goroutine is in r14, x28, there as at the entry.
type Result struct {
	In     Place
	Size   uint8 // bytes: 4 (a signed int) or 8
	Offset int32
	// Guarded: what is on the stack is valid only if the return register, as a
	// signed integer of 4 bytes, is above 0. Else the call failed.
	Guarded bool
}

// Why nothing was found. Errors wrap them.
var (
	ErrNotELF    = errors.New("not a little-endian 64-bit ELF file")
	ErrArch      = errors.New("unsupported architecture")
	ErrNoSymbols = errors.New("no symbols")
	ErrNoTLS     = errors.New("no TLS library in it")
)
