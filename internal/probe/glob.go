package probe

// globMatch reports whether pattern matches all of s: * is any run of bytes,
// also of '/', ? is one byte. It is glob_matches of bpf/include/select.h.
func globMatch(pattern, s string) bool {
	p, t, starP, starT := 0, 0, -1, 0
	for {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			starP, starT = p, t
		case t < len(s) && p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[t]):
			p++
			t++
		case t == len(s) && p == len(pattern):
			return true
		default:
			if starP < 0 || starT >= len(s) {
				return false
			}
			starT++
			p, t = starP, starT
		}
	}
}
