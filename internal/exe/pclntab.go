package exe

import (
	"encoding/binary"
	"fmt"
)

// goTable is the table of a Go program's functions, which no stripping removes:
// runtime.pcHeader and what follows it.
type goTable struct {
	file      *file
	section   section
	functions uint64 // how many
	names     section
	entries   uint64 // offset in the file: pairs of offsets of code and description; descriptions count from here
	text      uint64 // address that offsets of code count from
}

// Magic numbers of the table: internal/abi/symtab.go.
const (
	magicGo118 = 0xfffffff0
	magicGo120 = 0xfffffff1
)

const maxFunctions = 8 << 20

func (f *file) goTable(s section) (*goTable, error) {
	var h struct {
		Magic                                                uint32
		Pad                                                  [2]uint8
		Quantum, PointerSize                                 uint8
		Functions, Files, Text, Names, Units, File, PC, Pcln uint64
	}
	if err := readStruct(f.r, s.Off, &h); err != nil {
		return nil, fmt.Errorf("reading .gopclntab: %w", err)
	}
	switch {
	case h.Magic != magicGo118 && h.Magic != magicGo120, h.PointerSize != 8:
		return nil, fmt.Errorf("the function table is not of Go 1.18 or later: magic %#x", h.Magic)
	case h.Functions > maxFunctions || h.Names > h.Units || h.Units > s.Size || h.Pcln > s.Size:
		return nil, fmt.Errorf("the function table contradicts itself")
	}
	t := &goTable{file: f, section: s, functions: h.Functions, names: s, entries: s.Off + h.Pcln}
	t.names.Off, t.names.Size = s.Off+h.Names, h.Units-h.Names
	t.text = f.goText(s)
	return t, nil
}

// goText returns the address of runtime.text. Until Go 1.25 the table's header
// has it, from 1.26 on runtime.moduledata.
func (f *file) goText(table section) uint64 {
	const inHeader, inModule = 24, 176
	if m, ok := f.section(".go.module"); ok {
		if text := f.word(m.Addr + inModule); text != 0 {
			return text
		}
	}
	if text := f.word(table.Addr + inHeader); text != 0 {
		return text
	}
	text, _ := f.section(".text")
	return text.Addr
}

// symbols returns the wanted functions, all of which begin with the prefix.
func (t *goTable) symbols(prefix string, wanted map[string]bool) (found []symbol, err error) {
	names := t.file.findNames(t.names, prefix, wanted)
	if len(names) == 0 {
		return nil, nil
	}
	end := t.section.Off + t.section.Size
	entries := &reader{r: t.file.r, end: end}
	descriptions := &reader{r: t.file.r, end: end}
	for i := range t.functions {
		entry, err := entries.read(t.entries+8*i, 12) // and the next one's code
		if err != nil {
			return nil, fmt.Errorf("reading the function table: %w", err)
		}
		start, at := binary.LittleEndian.Uint32(entry), binary.LittleEndian.Uint32(entry[4:])
		stop := binary.LittleEndian.Uint32(entry[8:])
		description, err := descriptions.read(t.entries+uint64(at), 8)
		if err != nil {
			return nil, fmt.Errorf("reading the functions' descriptions: %w", err)
		}
		name, ok := names[binary.LittleEndian.Uint32(description[4:])]
		if ok && stop > start {
			found = append(found, symbol{name, t.text + uint64(start), uint64(stop - start)})
			if delete(names, binary.LittleEndian.Uint32(description[4:])); len(names) == 0 {
				break
			}
		}
	}
	return found, nil
}
