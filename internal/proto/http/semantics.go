package http

import (
	"strings"
	"sync"
)

// Semantics is a Config made ready. Parsers of all lanes share it: it does not
// change, and what it lends comes from pools.
type Semantics struct {
	methods         map[string]string
	sensitive       map[string]bool
	routes          *routes
	infer           bool
	requestHeaders  []header
	responseHeaders []header

	heads     sync.Pool
	exchanges sync.Pool
}

// New prepares c.
func New(c Config) *Semantics {
	s := &Semantics{
		methods:         make(map[string]string),
		sensitive:       make(map[string]bool),
		routes:          compile(c.Routes),
		infer:           c.RouteInference,
		requestHeaders:  headers("http.request.header.", c.RequestHeaders),
		responseHeaders: headers("http.response.header.", c.ResponseHeaders),
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
	s.heads.New = func() any { return new(Head) }
	s.exchanges.New = func() any { return new(Exchange) }
	return s
}

func headers(prefix string, names []string) []header {
	var hs []header
	for _, name := range names {
		name = strings.ToLower(name)
		hs = append(hs, header{name, prefix + name})
	}
	return hs
}
