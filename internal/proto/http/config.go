// Package http holds what HTTP/1 and HTTP/2 share: the configuration and the
// semantic conventions that turn a request and its response into an Exchange.
//
// A parser takes a Head from Semantics, fills it while it reads the fields of a
// message, and opens an Exchange with it; the head of the response answers that
// Exchange, and Finish makes it ready to emit.
//
// Source: https://opentelemetry.io/docs/specs/semconv/http/ (1.43.0).
package http

import (
	"fmt"
	"strings"
)

// Config is the http section of the receiver's configuration.
type Config struct {
	RequestHeaders           []string // header names to record
	ResponseHeaders          []string
	Routes                   []string // "/users/{id}", "/files/{path...}"
	RouteInference           bool     // make a route of the path when no pattern matches
	SensitiveQueryParameters []string // their values become REDACTED; nil means the default list
	KnownMethods             []string // replaces the default list when not empty
}

// DefaultKnownMethods are the methods of RFC 9110 section 9, RFC 5789 and QUERY.
var DefaultKnownMethods = []string{
	"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE",
}

// DefaultSensitiveQueryParameters are the names whose values never leave the
// host: the first five are the convention's, the others are what applications
// call their credentials. Names are compared exactly, as the convention asks.
var DefaultSensitiveQueryParameters = []string{
	"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "sig", "X-Goog-Signature",
	"access_token", "accessToken", "api_key", "apiKey", "apikey", "auth", "client_secret",
	"code", "id_token", "jwt", "key", "passwd", "password", "pwd", "refresh_token", "secret",
	"session", "session_id", "sessionid", "signature", "token",
}

// Validate reports the first route that cannot be matched.
func (c Config) Validate() error {
	for _, r := range c.Routes {
		if err := validRoute(r); err != nil {
			return fmt.Errorf("route %q: %w", r, err)
		}
	}
	return nil
}

func validRoute(r string) error {
	if !strings.HasPrefix(r, "/") {
		return fmt.Errorf("does not begin with /")
	}
	segments := strings.Split(r[1:], "/")
	for i, s := range segments {
		if kindOf(s) == tailSegment && i != len(segments)-1 {
			return fmt.Errorf("%s is not the last segment", s)
		}
		if kindOf(s) == literalSegment && strings.ContainsAny(s, "{}") {
			return fmt.Errorf("%s is neither a name in braces nor a literal", s)
		}
	}
	return nil
}
