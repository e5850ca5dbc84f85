package exe

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
)

// A reader reads small pieces of a file that mostly follow one another.
type reader struct {
	r      io.ReaderAt
	end    uint64 // of what may be read
	at     uint64
	buffer []byte
	loads  int
}

const (
	maxLoads       = maxTable / window
	maxRelocations = 4 // tables
)

var errScattered = errors.New("the table is scattered, or larger than is believed")

// read returns n bytes at an offset, valid until the next read.
func (r *reader) read(off uint64, n int) ([]byte, error) {
	if off < r.at || off+uint64(n) > r.at+uint64(len(r.buffer)) {
		if err := r.load(off, n); err != nil {
			return nil, err
		}
	}
	return r.buffer[off-r.at:][:n], nil
}

func (r *reader) load(off uint64, n int) error {
	if r.loads++; r.loads > maxLoads {
		return errScattered
	}
	if off > r.end || r.end-off < uint64(n) {
		return io.ErrUnexpectedEOF
	}
	if r.buffer == nil {
		r.buffer = make([]byte, window)
	}
	r.at, r.buffer = off, r.buffer[:min(window, r.end-off)]
	if err := readFull(r.r, off, r.buffer); err != nil {
		r.buffer = r.buffer[:0]
		return err
	}
	return nil
}

// word returns the pointer at an address, as the dynamic linker leaves it in a
// program loaded at 0; 0 unknown.
func (f *file) word(addr uint64) uint64 {
	off, _, ok := f.offset(addr, false)
	if !ok {
		return 0
	}
	var v uint64
	if readStruct(f.r, off, &v) != nil || v != 0 {
		return v
	}
	return f.relocated(addr)
}

// relocated returns what a relocation that depends on nothing but the load
// address puts at an address; 0 for none.
func (f *file) relocated(addr uint64) (v uint64) {
	relative := map[Arch]uint32{AMD64: uint32(elf.R_X86_64_RELATIVE), ARM64: uint32(elf.R_AARCH64_RELATIVE)}[f.arch]
	tables := 0
	for _, s := range f.sections {
		if elf.SectionType(s.Type) != elf.SHT_RELA || tables == maxRelocations { //nolint:misspell // what ELF calls it
			continue
		}
		tables++
		f.scan(s, 0, func(_ uint64, b []byte) {
			for ; len(b) >= 24; b = b[24:] {
				if binary.LittleEndian.Uint64(b) == addr && binary.LittleEndian.Uint32(b[8:]) == relative {
					v = binary.LittleEndian.Uint64(b[16:])
				}
			}
		})
	}
	return v
}
