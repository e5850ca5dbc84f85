package exe

import (
	"errors"
	"fmt"
	"slices"
)

// A family is a C library known by the names of its functions.
type family struct {
	kind      Kind
	prefix    string // of all names
	functions []declared
	random    string                            // the getter of the client's random
	place     func(fn *function, a abi) []int32 // what it says
	before    []int32                           // the way, of versions without a getter
}

// A declared function is one by its declaration.
type declared struct {
	name      string
	op        Op
	arguments int   // that the probe at its entry reads; of ReadEx and WriteEx, the last points to the bytes moved
	size      uint8 // of what it returns, bytes
}

// publicRandom is the way to the random until OpenSSL 1.0.2: ssl_st.s3 and
// ssl3_state_st.client_random, which were part of the ABI (ssl.h, ssl3.h).
var publicRandom = []int32{128, 196}

// families are the C libraries.
var families = []family{{
	kind: OpenSSL, prefix: "SSL_", random: "SSL_get_client_random", place: (*function).copiedFrom, before: publicRandom,
	functions: []declared{
		{"SSL_read", Read, 3, 4},
		{"SSL_write", Write, 3, 4},
		{"SSL_read_ex", ReadEx, 4, 4},
		{"SSL_write_ex", WriteEx, 4, 4},
		{"SSL_write_ex2", WriteEx, 5, 4},
		{"SSL_sendfile", Sendfile, 1, 8},
		{"SSL_do_handshake", Handshake, 1, 4},
		{"SSL_connect", Handshake, 1, 4},
		{"SSL_accept", Handshake, 1, 4},
	},
}, {
	kind: GnuTLS, prefix: "gnutls_", random: "gnutls_session_get_random", place: (*function).storedTo,
	functions: []declared{
		{"gnutls_record_recv", Read, 3, 8},
		{"gnutls_record_recv_seq", Read, 3, 8},
		{"gnutls_record_send", Write, 3, 8},
		{"gnutls_record_send2", Write, 3, 8},
		{"gnutls_record_send_range", Write, 3, 8},
		{"gnutls_record_uncork", Flush, 1, 4},
		{"gnutls_handshake", Handshake, 1, 4},
	},
}}

// forwards names functions that may do nothing but jump to others.
var forwards = map[string]string{"gnutls_record_send": "gnutls_record_send2", "SSL_write_ex": "SSL_write_ex2"}

// forwards reports whether a function does nothing but jump to another with its first n arguments.
func (fn *function) forwards(a abi, n int) bool {
	for _, in := range fn.insts {
		if in.flow != next {
			return in.flow == jump && in.target != 0 && !fn.inside(in.target)
		}
		if in.writes&(a.holding(n)|1<<a.sp) != 0 {
			break
		}
	}
	return false
}

// find returns a family's library in a file; nil if there is none.
func (m family) find(f *file) (*Library, error) {
	wanted := map[string]bool{m.random: true}
	for _, d := range m.functions {
		wanted[d.name] = true
	}
	symbols, err := f.symbols(m.prefix, wanted)
	if len(symbols) == 0 {
		return nil, err
	}
	l := &Library{Kind: m.kind, Arch: f.arch, Version: f.soname()}
	if !slices.ContainsFunc(symbols, func(s symbol) bool { return s.name == m.random }) {
		l.Random = m.before
	}
	var errs []error
	for _, s := range symbols {
		fn, err := f.function(s.name, s.addr, s.size)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if to := forwards[s.name]; to != "" && fn.forwards(cABI[f.arch], 3) && slices.ContainsFunc(symbols, func(s symbol) bool { return s.name == to }) {
			continue
		}
		m.add(l, fn)
	}
	if !l.has(Read, ReadEx) || !l.has(Write, WriteEx) {
		return nil, fmt.Errorf("%s without functions that read and write: %w", m.kind, errors.Join(errs...))
	}
	return l, nil
}

// add adds a function to a library, or what a getter says.
func (m family) add(l *Library, fn *function) {
	a := cABI[l.Arch]
	if fn.name == m.random {
		l.Random = m.place(fn, a)
		return
	}
	for _, d := range m.functions {
		if d.name == fn.name {
			f := Function{Name: d.name, Op: d.op, Size: d.size, Entry: fn.entry(a, d.arguments)}
			if d.op == ReadEx || d.op == WriteEx {
				f.Moved = uint8(d.arguments - 1)
			}
			fn.ends(a, d.size, &f)
			l.Functions = append(l.Functions, f)
		}
	}
}

func (l *Library) has(ops ...Op) bool {
	return slices.ContainsFunc(l.Functions, func(f Function) bool { return slices.Contains(ops, f.Op) })
}
