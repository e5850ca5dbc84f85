package exe

import (
	"debug/elf"
	"io"
	"path/filepath"
	"strings"
)

const (
	maxDynamic = 4096 // entries of the dynamic section
	maxNeeded  = 512
	maxName    = 4096 // bytes of a library's name, or of all directories
	maxPlaces  = 32   // directories
)

// A Linkage is what a file tells the dynamic linker.
type Linkage struct {
	Needed      []string // names of the libraries to load for it, in order
	directories []string // where to look for them first
}

// Linked returns what a file tells the dynamic linker.
func Linked(r io.ReaderAt) (Linkage, error) {
	f, err := open(r)
	if err != nil {
		return Linkage{}, err
	}
	places := f.dynamicNames(elf.DT_RUNPATH)
	if len(places) == 0 {
		places = f.dynamicNames(elf.DT_RPATH)
	}
	l := Linkage{Needed: f.dynamicNames(elf.DT_NEEDED)}
	if len(places) > 0 {
		l.directories = strings.Split(places[0], ":")
		l.directories = l.directories[:min(len(l.directories), maxPlaces)]
	}
	return l, nil
}

// Places returns the paths at which the linker looks for a library before it asks
// its cache, for a file in a directory. Those that depend on where a process
// began are left out.
func (l Linkage) Places(name, origin string) (paths []string) {
	here := strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin)
	for _, d := range l.directories {
		if d = here.Replace(d); filepath.IsAbs(d) {
			paths = append(paths, filepath.Join(d, name))
		}
	}
	return paths
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
