package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// linkedFile is a file that has nothing but a dynamic section: texts by their tags.
func linkedFile(tags []elf.DynTag, texts ...string) []byte {
	const head, segments, dynamic = 64, 2 * 56, 16
	names := uint64(head + segments + dynamic*(len(tags)+1))
	entries := []elf.Dyn64{{Tag: int64(elf.DT_STRTAB), Val: names}}
	table := []byte{}
	for i, tag := range tags {
		entries = append(entries, elf.Dyn64{Tag: int64(tag), Val: uint64(len(table))})
		table = append(table, texts[i]+"\x00"...)
	}
	end := names + uint64(len(table))
	var b bytes.Buffer
	for _, part := range []any{
		elf.Header64{
			Ident:   [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1},
			Machine: uint16(elf.EM_X86_64), Phoff: head, Phnum: 2,
		},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: end, Memsz: end},
		elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: head + segments, Filesz: names - head - segments},
		entries, table,
	} {
		_ = binary.Write(&b, binary.LittleEndian, part)
	}
	return b.Bytes()
}

func TestLinked(t *testing.T) {
	tags := []elf.DynTag{elf.DT_NEEDED, elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_NEEDED}
	b := linkedFile(tags, "libssl.so.0", "/never", "/opt/tls:$ORIGIN/../lib:here:", "libc.so.6")
	l, err := Linked(bytes.NewReader(b))
	require.NoError(t, err)
	require.Equal(t, []string{"libssl.so.0", "libc.so.6"}, l.Needed)
	require.Equal(t, []string{"/opt/tls/libc.so.6", "/srv/lib/libc.so.6"}, l.Places("libc.so.6", "/srv/bin"))

	l, err = Linked(bytes.NewReader(linkedFile(tags[:2], "libssl.so.0", "${ORIGIN}")))
	require.NoError(t, err)
	require.Equal(t, []string{"/srv/bin/libssl.so.0"}, l.Places("libssl.so.0", "/srv/bin"))
}
