package exe

import (
	"debug/elf"
	"io"
)

const (
	maxDynamic = 4096 // entries of the dynamic section
	maxNeeded  = 512
	maxName    = 256 // bytes of a library's name
)

// Needed returns the names of the libraries that the dynamic linker loads for a
// file, in order.
func Needed(r io.ReaderAt) ([]string, error) {
	f, err := open(r)
	if err != nil {
		return nil, err
	}
	return f.dynamicNames(elf.DT_NEEDED), nil
}

// soname returns the name a library gives itself.
func (f *file) soname() string {
	if names := f.dynamicNames(elf.DT_SONAME); len(names) > 0 {
		return names[0]
	}
	return ""
}

// dynamicNames returns the texts of the dynamic section's entries of a kind.
func (f *file) dynamicNames(tag elf.DynTag) []string {
	var at []uint64
	var table uint64
	for _, d := range f.dynamic() {
		switch elf.DynTag(d.Tag) {
		case tag:
			at = append(at, d.Val)
		case elf.DT_STRTAB:
			table = d.Val
		}
	}
	var names []string
	for _, at := range at[:min(len(at), maxNeeded)] {
		if name := f.textAt(table + at); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (f *file) dynamic() []elf.Dyn64 {
	for _, p := range f.segments {
		if elf.ProgType(p.Type) != elf.PT_DYNAMIC {
			continue
		}
		entries := make([]elf.Dyn64, min(p.Filesz/16, maxDynamic))
		if readStruct(f.r, p.Off, entries) == nil {
			return entries
		}
	}
	return nil
}

// textAt returns the text at an address; "" where there is none.
func (f *file) textAt(addr uint64) string {
	off, rest, ok := f.offset(addr, false)
	if !ok {
		return ""
	}
	b := make([]byte, min(rest, maxName))
	if readFull(f.r, off, b) != nil {
		return ""
	}
	return text(b, 0)
}
