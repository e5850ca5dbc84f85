package exe

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// small keeps files small: large ones the fuzzer takes its time to make smaller.
const small = 128

// FuzzFind looks for what makes it panic, run long, or promise points that are not in the file.
func FuzzFind(f *testing.F) {
	for arch, name := range map[Arch]string{AMD64: "amd64", ARM64: "arm64"} {
		for _, s := range shapes(f, name) {
			f.Add(image{arch: arch, room: small, functions: map[string][]byte{"SSL_read": s.code, "SSL_write": s.code}}.build())
		}
	}
	code := []byte{0x49, 0x3b, 0x66, 0x10, 0x76, 0x02, 0x55, 0xc3, 0xeb, 0xf6}
	f.Add(image{
		arch: AMD64, room: small, functions: map[string][]byte{goRead: code, goWrite: code},
		extra: map[string][]byte{".gopclntab": goTableOf(goRead, goWrite), ".go.buildinfo": []byte("\xff Go buildinf:\x08\x0200000000000000000\x08go1.26.8")},
	}.build())
	f.Fuzz(func(t *testing.T, b []byte) {
		libraries, _ := Find(bytes.NewReader(b))
		for _, l := range libraries {
			for _, fn := range l.Functions {
				for _, p := range append(fn.Exits, fn.Entry, fn.Return) {
					require.Less(t, p.Offset, uint64(len(b)))
				}
			}
		}
		_, _ = Linked(bytes.NewReader(b))
	})
}

// FuzzDecode compares nothing: it looks for code that makes an analysis panic or run long.
func FuzzDecode(f *testing.F) {
	for arch, name := range map[Arch]string{AMD64: "amd64", ARM64: "arm64"} {
		for _, s := range shapes(f, name) {
			f.Add(arch == ARM64, s.code)
		}
	}
	f.Fuzz(func(t *testing.T, arm bool, code []byte) {
		arch := AMD64
		if arm {
			arch = ARM64
		}
		if len(code) > page {
			return
		}
		b := image{arch: arch, functions: map[string][]byte{"SSL_read": code, "SSL_write": code, "SSL_get_client_random": code}}.build()
		_, _ = Find(bytes.NewReader(b))
	})
}

func cache(entries ...string) []byte {
	b := append([]byte(cacheMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[20:], uint32(len(entries)/2))
	b = append(b, make([]byte, 24)...)
	at := len(b) + 12*len(entries)
	var names []byte
	for i := 0; i < len(entries); i += 2 {
		b = binary.LittleEndian.AppendUint32(b, 0x303)
		for _, s := range entries[i : i+2] {
			b = binary.LittleEndian.AppendUint32(b, uint32(at+len(names)))
			names = append(names, s+"\x00"...)
		}
		b = append(b, make([]byte, 12)...)
	}
	return append(b, names...)
}

func TestLinkerCache(t *testing.T) {
	b := cache("libssl.so.3", "/lib/first", "libssl.so.3", "/lib/second", "libc.so.6", "/lib/libc.so.6")
	want := map[string]string{"libssl.so.3": "/lib/first", "libc.so.6": "/lib/libc.so.6"}
	got, err := LinkerCache(bytes.NewReader(b))
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = LinkerCache(bytes.NewReader(b[:60]))
	require.Error(t, err)
	_, err = LinkerCache(bytes.NewReader(nil))
	require.Error(t, err)
}

func FuzzLinkerCache(f *testing.F) {
	f.Add(cache("libssl.so.3", "/lib/first"))
	f.Add(append([]byte(oldMagic+"\x00\x00\x00\x00"), cache("a", "b")...))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = LinkerCache(bytes.NewReader(b)) })
}

// BenchmarkFindGo looks into a program; EXE names a larger one.
func BenchmarkFindGo(b *testing.B) {
	file := buildGo(b, "amd64")
	if path := os.Getenv("EXE"); path != "" {
		var err error
		file, err = os.ReadFile(path)
		require.NoError(b, err)
	}
	r := bytes.NewReader(file)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Find(r)
	}
}
