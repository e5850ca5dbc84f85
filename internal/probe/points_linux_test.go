package probe

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

func TestPoints(t *testing.T) {
	stack := exe.Result{In: exe.OnStack, Size: 4, Offset: -8, Guarded: true}
	lib := exe.Library{Kind: exe.OpenSSL, Functions: []exe.Function{
		{Name: "SSL_read", Op: exe.Read, Entry: exe.Point{Offset: 1}, Exits: []exe.Point{{Offset: 2, Result: stack}}},
		{Name: "SSL_write_ex", Op: exe.WriteEx, Entry: exe.Point{Offset: 3}, Moved: 3, Return: exe.Point{Offset: 4}, Size: 8},
	}}
	got := pointsOf(lib, 0x123)
	require.Equal(t, []point{
		{"SSL_read", 1, 0x123<<40 | 0<<32 | 1},
		{"SSL_write_ex", 3, 0x123<<40 | 1<<32 | 3<<16 | 4},
	}, got.entries)
	require.Equal(t, []point{{"SSL_read", 2, 0x123<<40 | 0<<32 | 0xfff8<<16 | (1|4|16)<<8 | 1}}, got.exits)
	require.Equal(t, []point{{"SSL_write_ex", 4, 0x123<<40 | 1<<32 | (1|8)<<8 | 4}}, got.returns)

	lib = exe.Library{Kind: exe.GoTLS, Functions: lib.Functions[:1]}
	require.Equal(t, uint64(2<<8|1), pointsOf(lib, 0).entries[0].cookie)
}
