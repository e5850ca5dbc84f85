package http

import (
	"strings"
	"sync"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// Semantics is a Config made ready. Parsers of all lanes share it: it does not
// change, and what it lends comes from pools.
type Semantics struct {
	methods           map[string]string
	sensitive         map[string]bool
	routes            *routes
	infer             bool
	request, response fields

	heads     sync.Pool
	exchanges sync.Pool
}

// An Upgrade takes a connection over from HTTP/1.1, whose request x, that asked
// for it, is answered in the new protocol.
type Upgrade func(c proto.Conn, x *Exchange, emit func(*proto.Exchange)) *proto.Become

// New prepares c.
func New(c Config) *Semantics {
	s := &Semantics{
		methods:   make(map[string]string),
		sensitive: make(map[string]bool),
		routes:    compile(c.Routes),
		infer:     c.RouteInference,
		request:   wanted("http.request.header.", c.RequestHeaders),
		response:  wanted("http.response.header.", c.ResponseHeaders),
	}
	if len(c.KnownMethods) == 0 {
		c.KnownMethods = DefaultKnownMethods
	}
	for _, m := range c.KnownMethods {
		s.methods[m] = m
	}
	if c.SensitiveQueryParameters == nil {
		c.SensitiveQueryParameters = DefaultSensitiveQueryParameters
	}
	for _, name := range c.SensitiveQueryParameters {
		s.sensitive[name] = true
	}
	s.request.want("host", "forwarded", "user-agent", "traceparent", "tracestate", "x-forwarded-for")
	s.heads.New = func() any { return new(Head) }
	s.exchanges.New = func() any { return new(Exchange) }
	return s
}

// fields are those one kind of message is searched for.
type fields struct {
	headers []header  // that the configuration asks for
	first   [256]bool // the first letters of all names
}

// A header is one the configuration asks for.
type header struct {
	name string // in lower case
	key  string // of the attribute
}

func wanted(prefix string, names []string) (f fields) {
	for _, name := range names {
		if name = strings.ToLower(name); name == "" {
			continue
		}
		f.headers = append(f.headers, header{name, prefix + name})
		f.want(name)
	}
	return f
}

func (f *fields) want(names ...string) {
	for _, name := range names {
		f.first[name[0]] = true
		f.first[strings.ToUpper(name)[0]] = true
	}
}
