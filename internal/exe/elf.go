package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
)

// Limits on what is believed of a file.
const (
	maxSegments = 256
	maxSections = 8192
	maxNames    = 1 << 20   // bytes of section names
	maxTable    = 512 << 20 // bytes of a symbol or string table
	maxCode     = 32 << 10  // bytes of a function that are looked at
)

// file is an ELF file: its headers, and the way to the rest.
type file struct {
	r        io.ReaderAt
	arch     Arch
	segments []elf.Prog64
	sections []section
}

type section struct {
	elf.Section64
	name string
}

var arches = map[elf.Machine]Arch{elf.EM_X86_64: AMD64, elf.EM_AARCH64: ARM64}

func open(r io.ReaderAt) (*file, error) {
	var h elf.Header64
	if err := readStruct(r, 0, &h); err != nil || string(h.Ident[:4]) != elf.ELFMAG ||
		elf.Class(h.Ident[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(h.Ident[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return nil, ErrNotELF
	}
	f := &file{r: r, arch: arches[elf.Machine(h.Machine)]}
	if f.arch == 0 {
		return nil, fmt.Errorf("%w %s", ErrArch, elf.Machine(h.Machine))
	}
	f.segments = make([]elf.Prog64, min(h.Phnum, maxSegments))
	if err := readStruct(r, h.Phoff, f.segments); err != nil {
		return nil, fmt.Errorf("reading the program headers: %w", err)
	}
	if h.Shoff == 0 || h.Shnum == 0 || int(h.Shnum) > maxSections || h.Shstrndx >= h.Shnum {
		return f, nil // it runs all the same
	}
	if err := f.readSections(h); err != nil {
		return nil, fmt.Errorf("reading the section headers: %w", err)
	}
	return f, nil
}

func (f *file) readSections(h elf.Header64) error {
	headers := make([]elf.Section64, h.Shnum)
	if err := readStruct(f.r, h.Shoff, headers); err != nil {
		return err
	}
	s := headers[h.Shstrndx]
	names := make([]byte, min(s.Size, maxNames))
	if err := readFull(f.r, s.Off, names); err != nil {
		return err
	}
	for _, s := range headers {
		f.sections = append(f.sections, section{s, text(names, uint64(s.Name))})
	}
	return nil
}

// section returns the first section of one of the names.
func (f *file) section(names ...string) (section, bool) {
	for _, s := range f.sections {
		for _, n := range names {
			if s.name == n && elf.SectionType(s.Type) != elf.SHT_NOBITS {
				return s, true
			}
		}
	}
	return section{}, false
}

// offset returns where an address is in the file, and how many bytes of its
// segment follow. Of code, only segments that are executed count.
func (f *file) offset(addr uint64, code bool) (off, rest uint64, ok bool) {
	for _, p := range f.segments {
		if elf.ProgType(p.Type) != elf.PT_LOAD || code && elf.ProgFlag(p.Flags)&elf.PF_X == 0 {
			continue
		}
		if in := addr - p.Vaddr; addr >= p.Vaddr && in < p.Filesz && p.Off+in >= p.Off {
			return p.Off + in, p.Filesz - in, true
		}
	}
	return 0, 0, false
}

// readStruct reads fixed-size little-endian data at an offset.
func readStruct(r io.ReaderAt, off uint64, v any) error {
	b := make([]byte, binary.Size(v))
	if err := readFull(r, off, b); err != nil {
		return err
	}
	_, err := binary.Decode(b, binary.LittleEndian, v)
	return err
}

func readFull(r io.ReaderAt, off uint64, b []byte) error {
	if int64(off) < 0 {
		return io.ErrUnexpectedEOF
	}
	n, err := r.ReadAt(b, int64(off))
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

// text returns the NUL-terminated text at an offset of a table.
func text(table []byte, off uint64) string {
	if off >= uint64(len(table)) {
		return ""
	}
	t, _, _ := bytes.Cut(table[off:], []byte{0})
	return string(t)
}
