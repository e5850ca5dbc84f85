package exe

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A shape is the code of a function, and what is to be found in it.
type shape struct {
	name string
	code []byte
	want []string
}

// shapes reads a file of testdata: functions by their instructions in hexadecimal, each
// with "=> " and what is to be found.
func shapes(t testing.TB, name string) (all []shape) {
	text, err := os.ReadFile("testdata/" + name + ".txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "-- "):
			all = append(all, shape{name: strings.Trim(line, "- ")})
		case strings.HasPrefix(line, "=> "):
			all[len(all)-1].want = append(all[len(all)-1].want, line[3:])
		case line != "" && line[0] != '#':
			_, rest, _ := strings.Cut(line, ": ")
			code, _, _ := strings.Cut(rest, "  ")
			b, err := hex.DecodeString(strings.ReplaceAll(code, " ", ""))
			require.NoError(t, err, line)
			all[len(all)-1].code = append(all[len(all)-1].code, b...)
		}
	}
	return all
}

// TestShapes compares points as offsets in their function.
func TestShapes(t *testing.T) {
	for arch, name := range map[Arch]string{AMD64: "amd64", ARM64: "arm64"} {
		for _, s := range shapes(t, name) {
			t.Run(name+"/"+s.name, func(t *testing.T) { require.Equal(t, s.want, found(t, arch, s)) })
		}
	}
}

// found puts the code into a library, as the function that reads or as the getter of the random.
func found(t *testing.T, arch Arch, s shape) (found []string) {
	functions := map[string][]byte{"SSL_read": s.code, "SSL_write": s.code}
	switch s.name {
	case "copying", "pointing":
		functions = map[string][]byte{"SSL_get_client_random": s.code, "SSL_read": {0xc3}, "SSL_write": {0xc3}}
	case "telling":
		functions = map[string][]byte{"gnutls_session_get_random": s.code, "gnutls_record_recv": {0xc3}, "gnutls_record_send": {0xc3}}
	}
	libraries, err := Find(bytes.NewReader(image{arch: arch, functions: functions}.build()))
	require.NoError(t, err)
	require.Len(t, libraries, 1)
	l := libraries[0]
	if functions["SSL_get_client_random"] != nil || functions["gnutls_session_get_random"] != nil {
		return []string{fmt.Sprintf("random %#x", l.Random)}
	}
	f := l.Functions[0]
	describe := func(what string, p Point) {
		text := what + " " + strconv.FormatUint(p.Offset%page, 16)
		if p.Emulated {
			text += " emulated"
		}
		if p.Result.In == OnStack {
			text += fmt.Sprintf(", %d bytes at sp+%#x", p.Result.Size, p.Result.Offset)
		}
		found = append(found, text)
	}
	require.Equal(t, "SSL_read", f.Name)
	describe("entry", f.Entry)
	for _, e := range f.Exits {
		require.Equal(t, e.Result.In == OnStack, e.Result.Guarded)
		describe("exit", e)
	}
	if f.Return.Offset != 0 {
		describe("return probe", f.Return)
	}
	return found
}

func TestErrors(t *testing.T) {
	find := func(b []byte) error {
		l, err := Find(bytes.NewReader(b))
		require.Empty(t, l)
		return err
	}
	require.ErrorIs(t, find(nil), ErrNotELF)
	require.ErrorIs(t, find([]byte("#!/bin/sh\n")), ErrNotELF)
	require.ErrorIs(t, find(image{arch: AMD64}.build()), ErrNoSymbols)
	other := image{arch: AMD64, functions: map[string][]byte{"main": {0xc3}}}
	require.ErrorIs(t, find(other.build()), ErrNoTLS)
	b := other.build()
	b[18] = 0xf3 // RISC-V
	require.ErrorIs(t, find(b), ErrArch)
	require.ErrorContains(t, find(b), "EM_RISCV")
	half := image{arch: AMD64, functions: map[string][]byte{"SSL_read": {0xc3}}}
	require.ErrorContains(t, find(half.build()), "OpenSSL without functions that read and write")
	old := image{arch: AMD64, extra: map[string][]byte{".gopclntab": bytes.Repeat([]byte{0xfb}, 200)}}
	require.ErrorContains(t, find(old.build()), "the function table is not of Go 1.18 or later")
	torn := image{arch: AMD64, extra: map[string][]byte{".gopclntab": {1}}}
	require.ErrorContains(t, find(torn.build()), "the function table is not")
}

// TestNames finds names that are only the ends of others, as linkers merge them.
func TestNames(t *testing.T) {
	m := image{arch: AMD64, static: true, functions: map[string][]byte{"SSL_read": {0xc3}, "SSL_write": {0xc3}}}
	b := m.build()
	require.Equal(t, 1, bytes.Count(b, []byte("\x00SSL_read\x00")))
	b = bytes.Replace(b, []byte("\x00SSL_read\x00"), []byte("\x00SSL_reab\x00"), 1)
	_, err := Find(bytes.NewReader(b))
	require.ErrorContains(t, err, "without")
}

// TestNoGetter is OpenSSL 1.0.2, whose structures are known.
func TestNoGetter(t *testing.T) {
	m := image{arch: AMD64, functions: map[string][]byte{"SSL_read": {0xc3}, "SSL_write": {0xc3}}}
	l, err := Find(bytes.NewReader(m.build()))
	require.NoError(t, err)
	require.Equal(t, publicRandom, l[0].Random)
	m.functions["SSL_get_client_random"] = []byte{0xc3}
	l, err = Find(bytes.NewReader(m.build()))
	require.NoError(t, err)
	require.Nil(t, l[0].Random)
}
