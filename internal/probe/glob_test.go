package probe

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGlobMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"/usr/sbin/nginx", "/usr/sbin/nginx", true},
		{"/usr/sbin/nginx", "/usr/sbin/nginx2", false},
		{"*/python3*", "/usr/bin/python3.11", true},
		{"*/python3*", "/opt/py/bin/python3", true},
		{"*/python3*", "/opt/python2/x", false},
		{"*", "/anything/at/all", true},
		{"/a?c", "/abc", true},
		{"/a?c", "/ac", false},
		{"*a*b*c", "/xaybzc", true},
		{"*a*b*c", "/xaybz", false},
		{"*aab", "/aaaab", true},
		{"", "", true},
		{"", "/", false},
	} {
		require.Equal(t, c.want, globMatch(c.pattern, c.s), "%q on %q", c.pattern, c.s)
	}
}

func FuzzGlobMatch(f *testing.F) {
	f.Add("*/python3*", "/usr/bin/python3.11")
	f.Add("a?*b", "axb")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if strings.ContainsAny(pattern, `[]\/`) || strings.Contains(s, "/") || !ascii(pattern) || !ascii(s) {
			return // path.Match says something else by them
		}
		want, err := path.Match(pattern, s)
		if err != nil {
			return
		}
		if got := globMatch(pattern, s); got != want {
			t.Errorf("%q on %q: %v, path.Match says %v", pattern, s, got, want)
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
