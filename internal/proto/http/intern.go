package http

import "hash/maphash"

// Requests repeat themselves: the same paths, hosts and user agents come again
// and again. An interner keeps the last string of every slot, so that a string
// seen before costs a hash and no allocation.
//
// It holds at most slots*maxInterned bytes. One goroutine uses it at a time: it
// lives in a pooled Head.
type interner [slots]string

const (
	slots       = 512
	maxInterned = 512 // longer strings are rarely seen twice
)

var seed = maphash.MakeSeed()

func (t *interner) str(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > maxInterned {
		return string(b)
	}
	s := &t[maphash.Bytes(seed, b)%slots]
	if *s != string(b) {
		*s = string(b)
	}
	return *s
}
