package exe

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
)

// An image is an ELF file to be: functions one page apart, or less, all in one segment.
type image struct {
	arch      Arch
	room      int // from one function to the next
	functions map[string][]byte
	static    bool              // symbols in .symtab, else in .dynsym
	extra     map[string][]byte // sections
}

const page = 0x1000

// build makes the file. Its addresses are its offsets.
func (m image) build() []byte {
	var symbols, names, sectionNames bytes.Buffer
	b := make([]byte, cmp.Or(m.room, page))
	write := func(to *bytes.Buffer, v any) { _ = binary.Write(to, binary.LittleEndian, v) }
	names.WriteByte(0)
	sectionNames.WriteByte(0)
	write(&symbols, elf.Sym64{})
	for _, name := range slices.Sorted(maps.Keys(m.functions)) {
		code := m.functions[name]
		write(&symbols, elf.Sym64{Name: uint32(names.Len()), Info: uint8(elf.STT_FUNC), Shndx: 1, Value: uint64(len(b)), Size: uint64(len(code))})
		names.WriteString(name + "\x00")
		room := make([]byte, cmp.Or(m.room, page))
		copy(room, code)
		if m.arch == AMD64 && len(room) == page {
			room[0x900] = 0x53 // other code, that begins with push
		}
		b = append(b, room...)
	}
	end := uint64(len(b))
	sections := []elf.Section64{{}}
	add := func(name string, kind elf.SectionType, data []byte, link uint32) {
		sections = append(sections, elf.Section64{Name: uint32(sectionNames.Len()), Type: uint32(kind), Addr: uint64(len(b)), Off: uint64(len(b)), Size: uint64(len(data)), Link: link})
		sectionNames.WriteString(name + "\x00")
		b = append(b, data...)
	}
	kind := elf.SHT_DYNSYM
	if m.static {
		kind = elf.SHT_SYMTAB
	}
	if len(m.functions) > 0 {
		add(".syms", kind, symbols.Bytes(), 2)
		add(".names", elf.SHT_STRTAB, names.Bytes(), 0)
	}
	for _, name := range slices.Sorted(maps.Keys(m.extra)) {
		add(name, elf.SHT_PROGBITS, m.extra[name], 0)
	}
	add(".shstrtab", elf.SHT_STRTAB, append(sectionNames.Bytes(), ".shstrtab\x00"...), 0)

	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}, Type: uint16(elf.ET_DYN),
		Machine: uint16(map[Arch]elf.Machine{AMD64: elf.EM_X86_64, ARM64: elf.EM_AARCH64}[m.arch]),
		Phoff:   64, Phnum: 1, Shoff: uint64(len(b)), Shnum: uint16(len(sections)), Shstrndx: uint16(len(sections) - 1),
	}
	var head, tail bytes.Buffer
	write(&head, h)
	write(&head, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Filesz: end, Memsz: end})
	write(&tail, sections)
	copy(b, head.Bytes())
	return append(b, tail.Bytes()...)
}
