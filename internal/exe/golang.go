package exe

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The functions of crypto/tls that move plaintext.
const (
	goConn  = "crypto/tls.(*Conn)."
	goRead  = goConn + "Read"
	goWrite = goConn + "Write"
)

// findGo returns crypto/tls of a Go program; nil if there is none.
func findGo(f *file) (*Library, error) {
	s, ok := f.section(".gopclntab", ".data.rel.ro.gopclntab")
	if !ok {
		return nil, nil
	}
	t, err := f.goTable(s)
	if err != nil {
		return nil, fmt.Errorf("go: %w", err)
	}
	wanted := map[string]bool{goRead: true, goWrite: true}
	for _, name := range []string{goRead, goWrite} {
		for n := range maxDeferred {
			wanted[deferredName(name, n+1)] = true
		}
	}
	symbols, err := t.symbols(goConn, wanted)
	if err != nil {
		return nil, fmt.Errorf("go: %w", err)
	}
	if len(symbols) == 0 {
		return nil, nil // a program without TLS
	}
	l := &Library{Kind: GoTLS, Arch: f.arch, Version: f.goVersion()}
	var errs []error
	for name, op := range map[string]Op{goRead: Read, goWrite: Write} {
		fn, err := f.goFunction(name, op, symbols)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.Functions = append(l.Functions, *fn)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%s: %w", l.Version, errors.Join(errs...))
	}
	slices.SortFunc(l.Functions, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// goFunction finds the points of a function.
func (f *file) goFunction(name string, op Op, symbols []symbol) (*Function, error) {
	decoded := make(map[string]*function)
	for _, s := range symbols {
		if !strings.HasPrefix(s.name, name) {
			continue
		}
		fn, err := f.function(s.name, s.addr, s.size)
		if err != nil {
			return nil, err
		}
		decoded[s.name] = fn
	}
	fn := decoded[name]
	if fn == nil {
		return nil, fmt.Errorf("%s is not there", name)
	}
	a := goABI[f.arch]
	if !fn.checksStack() {
		return nil, fmt.Errorf("%s: no function of Go at %#x", name, fn.start)
	}
	exits := fn.goExits(a, decoded)
	if len(exits) == 0 {
		return nil, fmt.Errorf("%s: its returns were not found", name)
	}
	return &Function{Name: name, Op: op, Size: 8, Entry: fn.goEntry(a, 3), Exits: exits}, nil
}

// checksStack reports whether a function begins as those of Go do: it compares the
// stack pointer with what its goroutine has, and jumps to where more is made.
func (fn *function) checksStack() bool {
	for i, in := range fn.insts[:min(len(fn.insts), 8)] {
		if in.flow != next {
			return i > 0 && in.flow == branch && fn.inside(in.target)
		}
	}
	return false
}

// goVersion returns the version of Go that built a program; "" unknown.
func (f *file) goVersion() string {
	s, ok := f.section(".go.buildinfo")
	if !ok {
		return ""
	}
	b := make([]byte, min(s.Size, 64))
	if readFull(f.r, s.Off, b) != nil || !bytes.HasPrefix(b, []byte("\xff Go buildinf:")) || len(b) < 34 || b[15]&2 == 0 {
		return ""
	}
	if n := int(b[32]); n < 0x80 && 33+n <= len(b) { // a varint of one byte
		return string(b[33 : 33+n])
	}
	return ""
}
