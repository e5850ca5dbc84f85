package http

import (
	"bytes"
	"strings"
)

// routes is a tree of path segments. At every segment a literal beats a
// parameter and a parameter beats a tail.
type routes struct {
	literal map[string]*routes
	param   *routes
	tail    string // the pattern whose tail takes the rest of the path
	pattern string // the pattern that ends here
}

type segmentKind int

const (
	literalSegment segmentKind = iota
	paramSegment               // {id}: one segment that is not empty
	tailSegment                // {path...}: the rest, even when it is empty
)

func kindOf(segment string) segmentKind {
	name, ok := strings.CutPrefix(segment, "{")
	name, closed := strings.CutSuffix(name, "}")
	switch bare := strings.TrimSuffix(name, "..."); {
	case !ok || !closed || bare == "" || strings.ContainsAny(bare, "{}"):
		return literalSegment
	case bare != name:
		return tailSegment
	}
	return paramSegment
}

// compile builds the tree; it is nil when there is no pattern.
func compile(patterns []string) *routes {
	if len(patterns) == 0 {
		return nil
	}
	root := new(routes)
	for _, p := range patterns {
		root.add(p)
	}
	return root
}

func (r *routes) add(pattern string) {
	for s := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		switch kindOf(s) {
		case tailSegment:
			r.tail = pattern
			return
		case paramSegment:
			if r.param == nil {
				r.param = new(routes)
			}
			r = r.param
		default:
			if r.literal == nil {
				r.literal = make(map[string]*routes)
			}
			if r.literal[s] == nil {
				r.literal[s] = new(routes)
			}
			r = r.literal[s]
		}
	}
	r.pattern = pattern
}

// match returns the pattern of path, or "".
func (r *routes) match(path []byte) string {
	if r == nil || len(path) == 0 || path[0] != '/' {
		return ""
	}
	return r.walk(path[1:], false)
}

// walk matches the segments of rest; done says that there are none.
func (r *routes) walk(rest []byte, done bool) string {
	if done {
		return r.pattern
	}
	segment, behind, more := bytes.Cut(rest, []byte{'/'})
	if next := r.literal[string(segment)]; next != nil {
		if p := next.walk(behind, !more); p != "" {
			return p
		}
	}
	if r.param != nil && len(segment) > 0 {
		if p := r.param.walk(behind, !more); p != "" {
			return p
		}
	}
	return r.tail
}
