package ebpfreceiver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// HTTPConfig says what is read of HTTP messages and what is kept.
type HTTPConfig struct {
	// CaptureBytes is how much of each message head is copied. More is fetched
	// only while the head is incomplete.
	CaptureBytes Size `mapstructure:"capture_bytes"`

	RequestHeaders  []Token `mapstructure:"request_headers"`  // to record
	ResponseHeaders []Token `mapstructure:"response_headers"` // to record

	Routes         []Route `mapstructure:"routes"`          // sets http.route
	RouteInference bool    `mapstructure:"route_inference"` // guesses it from the path

	SensitiveQueryParameters []Parameter `mapstructure:"sensitive_query_parameters"` // to redact
	KnownMethods             []Token     `mapstructure:"known_methods"`              // others become _OTHER
}

// The bounds of the capture.
const (
	leastCapture Size = 64
	mostCapture  Size = 4096
)

func defaultHTTP() HTTPConfig {
	return HTTPConfig{
		CaptureBytes:             1024,
		SensitiveQueryParameters: named[Parameter](http.DefaultSensitiveQueryParameters),
		KnownMethods:             named[Token](http.DefaultKnownMethods),
	}
}

// Validate reports a capture the kernel side cannot make.
func (c *HTTPConfig) Validate() error {
	if c.CaptureBytes < leastCapture || c.CaptureBytes > mostCapture {
		return fmt.Errorf("capture_bytes: %v is out of range; write %d to %d", c.CaptureBytes, leastCapture, mostCapture)
	}
	return nil
}

func (c *HTTPConfig) protocolConfig() http.Config {
	return http.Config{
		RequestHeaders:           lower(texts(c.RequestHeaders)),
		ResponseHeaders:          lower(texts(c.ResponseHeaders)),
		Routes:                   texts(c.Routes),
		RouteInference:           c.RouteInference,
		SensitiveQueryParameters: texts(c.SensitiveQueryParameters),
		KnownMethods:             texts(c.KnownMethods),
	}
}

// A Token is the name of a header or a method.
//
// Source: RFC 9110, section 5.6.2.
type Token string

// Validate reports a name that cannot appear in a message.
func (t Token) Validate() error {
	if t == "" || strings.ContainsFunc(string(t), notTokenChar) {
		return fmt.Errorf("%q is not a name of a header or a method; write letters, digits and hyphens only", string(t))
	}
	return nil
}

func notTokenChar(r rune) bool {
	switch {
	case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// A Route is the pattern of a path: "/users/{id}", "/files/{path...}".
type Route string

// Validate reports a pattern that no path can match.
func (r Route) Validate() error {
	if err := (http.Config{Routes: []string{string(r)}}).Validate(); err != nil {
		return fmt.Errorf("%w; write a path such as /users/{id}", err)
	}
	return nil
}

// A Parameter is the name of a query parameter.
type Parameter string

// Validate reports an empty name.
func (p Parameter) Validate() error {
	if p == "" {
		return errors.New("the name is empty; write one such as token, or remove it")
	}
	return nil
}

// texts returns the values as plain strings. An empty list stays one: it is not
// the default list that nil stands for.
func texts[T ~string](values []T) []string {
	if values == nil {
		return nil
	}
	plain := make([]string, len(values))
	for i, v := range values {
		plain[i] = string(v)
	}
	return plain
}

// named returns plain strings as values of a type that validates itself.
func named[T ~string](plain []string) []T {
	values := make([]T, len(plain))
	for i, text := range plain {
		values[i] = T(text)
	}
	return values
}

func lower(names []string) []string {
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return names
}
