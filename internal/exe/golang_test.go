package exe

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

const goProgram = `package main

import (
	"crypto/tls"
	"io"
	"os"
)

func main() {
	c, err := tls.Dial("tcp", os.Args[1], nil)
	if err == nil {
		go io.Copy(c, os.Stdin)
		io.Copy(os.Stdout, c)
	}
}
`

// buildGo builds a program that uses crypto/tls.
func buildGo(t testing.TB, arch string, flags ...string) []byte {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/main.go", []byte(goProgram), 0o600))
	cmd := exec.Command("go", append(append([]string{"build", "-o", dir + "/out"}, flags...), dir+"/main.go")...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	b, err := os.ReadFile(dir + "/out")
	require.NoError(t, err)
	return b
}

// TestGo looks at what is at the points of programs: stripping changes nothing.
func TestGo(t *testing.T) {
	for arch, check := range map[string]func(*testing.T, []byte, Function){"amd64": checkAMD64, "arm64": checkARM64} {
		for _, flags := range [][]string{nil, {"-ldflags=-s -w"}, {"-buildmode=pie", "-ldflags=-s -w"}} {
			t.Run(arch, func(t *testing.T) {
				b := buildGo(t, arch, flags...)
				libraries, err := Find(bytes.NewReader(b))
				require.NoError(t, err)
				require.Len(t, libraries, 1)
				require.Equal(t, GoTLS, libraries[0].Kind)
				require.Equal(t, runtime.Version(), libraries[0].Version)
				require.Len(t, libraries[0].Functions, 2)
				for _, f := range libraries[0].Functions {
					require.True(t, f.Entry.Emulated)
					require.Zero(t, f.Return, "kills the program")
					require.NotEmpty(t, f.Exits)
					check(t, b, f)
				}
			})
		}
	}
}

func checkAMD64(t *testing.T, b []byte, f Function) {
	require.Equal(t, byte(0x55), b[f.Entry.Offset], "push of rbp")
	stack := 0
	for _, e := range f.Exits {
		if e.Result.In == OnStack {
			stack++
			require.Equal(t, byte(0x55), b[e.Offset], "push of rbp")
			continue
		}
		require.Equal(t, byte(0xc3), b[e.Offset], "return")
	}
	require.Equal(t, 1, stack, "%s: where the usual way leads is dear", f.Name)
}

func checkARM64(t *testing.T, b []byte, f Function) {
	for _, e := range f.Exits {
		require.Equal(t, uint32(0xd65f03c0), binary.LittleEndian.Uint32(b[e.Offset:]), "return")
		require.True(t, e.Emulated)
	}
}

// TestGoWithoutTLS is a program whose table has no crypto/tls.
func TestGoWithoutTLS(t *testing.T) {
	_, err := Find(bytes.NewReader(image{arch: AMD64, extra: map[string][]byte{".gopclntab": goTableOf("main.main")}}.build()))
	require.ErrorIs(t, err, ErrNoSymbols)
}

// goTableOf is a function table: functions follow one another from the file's second page on.
func goTableOf(names ...string) []byte {
	const header = 72
	var text, entries, descriptions []byte
	for i, name := range names {
		entries = binary.LittleEndian.AppendUint32(entries, uint32(i*page))
		entries = binary.LittleEndian.AppendUint32(entries, uint32(8*len(names)+4+8*i))
		descriptions = binary.LittleEndian.AppendUint32(descriptions, uint32(i*page))
		descriptions = binary.LittleEndian.AppendUint32(descriptions, uint32(len(text)))
		text = append(text, name+"\x00"...)
	}
	entries = binary.LittleEndian.AppendUint32(entries, uint32(len(names)*page))
	b := []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}
	for _, word := range []int{len(names), 0, page, header, header + len(text), 0, 0, header + len(text)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(word))
	}
	return append(append(append(b, text...), entries...), descriptions...)
}
