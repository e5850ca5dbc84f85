package resource

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

var environments = []struct {
	env  string
	want []pair
}{
	{"", nil},
	{"a=1", []pair{{"a", "1"}}},
	{"a=1,b=2", []pair{{"a", "1"}, {"b", "2"}}},
	{" a = 1 ,\tb=2 ", []pair{{"a", "1"}, {"b", "2"}}},
	{"a=1,", []pair{{"a", "1"}}},
	{"a=", []pair{{"a", ""}}},
	{"a=b=c", []pair{{"a", "b=c"}}},
	{"team=Caf%C3%A9%20%26%20Bar%2C%3D", []pair{{"team", "Café & Bar,="}}},
	{"a%2Cb=1", []pair{{"a,b", "1"}}},
	{"a=1+2", []pair{{"a", "1+2"}}},

	// One bad member voids them all.
	{"a=1,b", nil},
	{"a=1,=2", nil},
	{"a=1,b=%4", nil},
	{"a=1,b=%zz", nil},
	{"a=1,b=%ff", nil},
	{"a=1,b=two words", nil},
	{"a=1,b=x;y", nil},
	{`a=1,b="x"`, nil},
	{"a=1,b=é", nil},
	{"a=1,b=\x00", nil},
}

func TestAttributes(t *testing.T) {
	for _, c := range environments {
		if got := parseAttributes(c.env); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.env, got, c.want)
		}
	}
}

func FuzzAttributes(f *testing.F) {
	for _, c := range environments {
		f.Add(c.env)
	}
	f.Fuzz(func(t *testing.T, env string) {
		pairs := parseAttributes(env)
		if again := parseAttributes(write(pairs)); !slices.Equal(again, pairs) {
			t.Errorf("%q: read %q, written and read again %q", env, pairs, again)
		}
	})
}

// write encodes more than it must.
func write(pairs []pair) string {
	var members []string
	for _, p := range pairs {
		members = append(members, url.QueryEscape(p.key)+"="+url.QueryEscape(p.value))
	}
	return strings.ReplaceAll(strings.Join(members, ","), "+", "%20")
}
