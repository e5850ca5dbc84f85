package tls

import (
	"encoding/binary"
	"iter"
)

// A cursor reads what TLS writes from front to back. What goes beyond the end is
// empty.
type cursor struct{ rest []byte }

// take returns the next n bytes, nil when there are fewer.
func (c *cursor) take(n int) []byte {
	if len(c.rest) < n {
		c.rest = nil
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uint8() (uint8, bool) {
	if b := c.take(1); b != nil {
		return b[0], true
	}
	return 0, false
}

func (c *cursor) uint16() (uint16, bool) {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b), true
	}
	return 0, false
}

// vector8 returns a vector whose length is one byte.
func (c *cursor) vector8() cursor {
	n, _ := c.uint8()
	return cursor{c.take(int(n))}
}

// vector16 returns a vector whose length is two bytes.
func (c *cursor) vector16() cursor {
	n, _ := c.uint16()
	return cursor{c.take(int(n))}
}

// extensions yields the extensions that are there whole: the message may be cut
// within them.
func (c *cursor) extensions() iter.Seq2[uint16, cursor] {
	return func(yield func(uint16, cursor) bool) {
		size, _ := c.uint16()
		list := cursor{c.rest[:min(int(size), len(c.rest))]}
		for {
			kind, ok := list.uint16()
			n, sized := list.uint16()
			if !ok || !sized || len(list.rest) < int(n) || !yield(kind, cursor{list.take(int(n))}) {
				return
			}
		}
	}
}
