package http2

import "golang.org/x/net/http2/hpack"

// A field is one of a header block. Its bytes are valid until the next block of
// its direction is read.
type field struct {
	name, value []byte
	unnamed     bool // the name is not known
	unknown     bool // nor the value
}

// A reader takes a header block apart (RFC 7541 section 6). It never guesses: a
// reference to an entry that was not seen is an unknown field.
type reader struct {
	table   *table
	rest    []byte
	text    []byte // decoded strings
	unknown bool   // a field was
	broken  bool   // rest is not a header block, or is cut
}

// begin makes r ready for a block.
func (r *reader) begin(t *table, block []byte) {
	*r = reader{table: t, rest: block, text: r.text[:0]}
}

// A representation is known by its first bits (RFC 7541 sections 6.1 to 6.3).
const (
	indexed     = 0x80
	incremental = 0x40
	sizeUpdate  = 0x20
)

// next returns the next field, or false at the end.
func (r *reader) next(f *field) bool {
	for len(r.rest) > 0 && !r.broken {
		switch first := r.rest[0]; {
		case first&indexed != 0:
			r.reference(f, r.number(7))
		case first&incremental != 0:
			r.literal(f, 6)
			if !r.broken {
				r.table.insert(f)
			}
		case first&sizeUpdate != 0:
			if limit := r.number(5); !r.broken {
				r.table.resize(limit)
			}
			continue
		default:
			r.literal(f, 4)
		}
		r.unknown = r.unknown || f.unnamed
		return !r.broken
	}
	return false
}

// reference takes the field with an index, of the static or the dynamic table.
func (r *reader) reference(f *field, i uint64) {
	switch n := uint64(len(static)); {
	case i == 0:
		r.broken = true
	case i <= n:
		*f = static[i-1]
	default:
		var ok bool
		if *f, ok = r.table.at(i - n - 1); !ok {
			f.unnamed, f.unknown = true, true
		}
	}
}

// literal takes a field whose name is a reference of that many bits or, if that
// is zero, a string.
func (r *reader) literal(f *field, bits uint) {
	if i := r.number(bits); i > 0 {
		r.reference(f, i)
	} else {
		*f = field{name: r.str()}
	}
	f.value, f.unknown = r.str(), false
}

// maxNumber is far above all that a header block may say.
const maxNumber = 1 << 30

// number reads an integer with a prefix of some bits (RFC 7541 section 5.1).
func (r *reader) number(bits uint) uint64 {
	if r.broken || len(r.rest) == 0 {
		r.broken = true
		return 0
	}
	mask := uint64(1)<<bits - 1
	n := uint64(r.rest[0]) & mask
	r.rest = r.rest[1:]
	for shift := uint(0); n >= mask; shift += 7 {
		if len(r.rest) == 0 || n > maxNumber || shift > 28 {
			r.broken = true
			return 0
		}
		c := r.rest[0]
		r.rest = r.rest[1:]
		n += uint64(c&0x7f) << shift
		if c&0x80 == 0 {
			break
		}
	}
	return n
}

// str reads a string literal (RFC 7541 section 5.2).
func (r *reader) str() []byte {
	coded := len(r.rest) > 0 && r.rest[0]&0x80 != 0
	n := r.number(7)
	if r.broken || n > uint64(len(r.rest)) {
		r.broken = true
		return nil
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	if !coded {
		return s
	}
	from := len(r.text)
	if _, err := hpack.HuffmanDecode(r, s); err != nil {
		r.broken = true
	}
	return r.text[from:len(r.text):len(r.text)]
}

// Write takes a decoded string.
func (r *reader) Write(b []byte) (int, error) {
	r.text = append(r.text, b...)
	return len(b), nil
}

// static is the static table (RFC 7541 appendix A), as the library has it.
var static = func() (fields []field) {
	d := hpack.NewDecoder(0, nil)
	for i := byte(1); ; i++ {
		f, err := d.DecodeFull([]byte{indexed | i})
		if err != nil {
			return fields
		}
		fields = append(fields, field{name: []byte(f[0].Name), value: []byte(f[0].Value)})
	}
}()
