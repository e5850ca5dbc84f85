package nat

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var nothing netip.AddrPort

// A client asks for a service, is sent to a server, and gets another address.
var translated = entry{
	original: tuple{at("10.0.0.1:4711"), at("10.9.9.9:80")},
	reply:    tuple{at("10.0.0.2:8080"), at("10.0.0.3:9999")},
}

func TestBeyond(t *testing.T) {
	plain := entry{
		original: tuple{at("10.0.0.1:4711"), at("10.0.0.2:80")},
		reply:    tuple{at("10.0.0.2:80"), at("10.0.0.1:4711")},
	}
	onlyDestination := entry{
		original: tuple{at("10.0.0.1:4711"), at("10.9.9.9:80")},
		reply:    tuple{at("10.0.0.2:8080"), at("10.0.0.1:4711")},
	}
	for name, c := range map[string]struct {
		entry         entry
		local, remote string
		want          Translation
	}{
		"who connected":            {translated, "10.0.0.1:4711", "10.9.9.9:80", Translation{Local: at("10.0.0.3:9999"), Remote: at("10.0.0.2:8080")}},
		"who accepted":             {translated, "10.0.0.2:8080", "10.0.0.3:9999", Translation{Local: at("10.9.9.9:80"), Remote: at("10.0.0.1:4711")}},
		"who connected, one end":   {onlyDestination, "10.0.0.1:4711", "10.9.9.9:80", Translation{Remote: at("10.0.0.2:8080")}},
		"who accepted, one end":    {onlyDestination, "10.0.0.2:8080", "10.0.0.1:4711", Translation{Local: at("10.9.9.9:80")}},
		"nothing is translated":    {plain, "10.0.0.1:4711", "10.0.0.2:80", Translation{}},
		"nothing, who accepted it": {plain, "10.0.0.2:80", "10.0.0.1:4711", Translation{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := c.entry.beyond(tuple{at(c.local), at(c.remote)})
			require.True(t, ok)
			require.Equal(t, c.want, got)
		})
	}
	_, ok := plain.beyond(tuple{at("10.0.0.1:4711"), at("10.0.0.2:81")})
	require.False(t, ok, "another connection")
}

func TestUnmapped(t *testing.T) {
	require.Equal(t, at("10.0.0.1:80"), unmapped(at("[::ffff:10.0.0.1]:80")))
	require.Equal(t, at("[fe80::1]:80"), unmapped(at("[fe80::1%eth0]:80")))
	require.Equal(t, nothing, unmapped(nothing))
}
