package exe

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// A symbol is a function by its name.
type symbol struct {
	name       string
	addr, size uint64
}

const (
	window     = 64 << 10 // bytes of a table read at once
	symbolSize = 24
	longName   = 64 // bytes; no name looked for is longer
)

// symbols returns the functions in a file whose names are wanted, all of which begin
// with the prefix. The dynamic table is asked first: what it has, the
// other has too, or has been stripped of.
func (f *file) symbols(prefix string, wanted map[string]bool) ([]symbol, error) {
	tables := 0
	for _, kind := range []elf.SectionType{elf.SHT_DYNSYM, elf.SHT_SYMTAB} {
		i := slices.IndexFunc(f.sections, func(s section) bool { return elf.SectionType(s.Type) == kind })
		if i < 0 || int(f.sections[i].Link) >= len(f.sections) {
			continue
		}
		tables++
		names := f.findNames(f.sections[f.sections[i].Link], prefix, wanted)
		if found := f.findSymbols(f.sections[i], names); len(found) > 0 {
			return unique(found), nil
		}
	}
	if tables == 0 {
		return nil, ErrNoSymbols
	}
	return nil, nil
}

// findNames returns where in a string table the wanted names are. A name that is
// the end of another may be there only as that.
func (f *file) findNames(table section, prefix string, wanted map[string]bool) map[uint32]string {
	found := make(map[uint32]string)
	f.scan(table, longName, func(at uint64, b []byte) {
		for i := 0; ; i++ {
			next := bytes.Index(b[i:], []byte(prefix))
			if next < 0 {
				break
			}
			i += next
			name, _, ended := bytes.Cut(b[i:min(len(b), i+longName)], []byte{0})
			if ended && wanted[string(name)] && len(found) < 4*len(wanted) {
				found[uint32(at)+uint32(i)] = string(name)
			}
		}
	})
	return found
}

// findSymbols returns the functions of a symbol table that have one of the names.
func (f *file) findSymbols(table section, names map[uint32]string) (found []symbol) {
	if len(names) == 0 {
		return nil
	}
	f.scan(table, 0, func(_ uint64, b []byte) {
		for ; len(b) >= symbolSize; b = b[symbolSize:] {
			name, ok := names[binary.LittleEndian.Uint32(b)]
			isFunc := elf.ST_TYPE(b[4]) == elf.STT_FUNC
			defined := elf.SectionIndex(binary.LittleEndian.Uint16(b[6:])) != elf.SHN_UNDEF
			if ok && isFunc && defined && len(found) < 8*len(names) {
				found = append(found, symbol{name, binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])})
			}
		}
	})
	return found
}

// scan calls look with a section's bytes, piece by piece. Pieces overlap.
func (f *file) scan(s section, overlap int, look func(at uint64, b []byte)) {
	if s.Size > maxTable || elf.SectionType(s.Type) == elf.SHT_NOBITS {
		return
	}
	step := uint64(window-overlap) / symbolSize * symbolSize
	buffer := make([]byte, min(s.Size, window))
	for at := uint64(0); at < s.Size; at += step {
		b := buffer[:min(uint64(len(buffer)), s.Size-at)]
		if readFull(f.r, s.Off+at, b) != nil {
			return
		}
		if overlap == 0 {
			b = b[:min(uint64(len(b)), step)]
		}
		look(at, b)
	}
}

// unique returns symbols by name and address, each once: a name may have several
// addresses, one for each version.
func unique(s []symbol) []symbol {
	slices.SortFunc(s, func(a, b symbol) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.addr, b.addr))
	})
	return slices.CompactFunc(s, func(a, b symbol) bool { return a.name == b.name && a.addr == b.addr })
}
