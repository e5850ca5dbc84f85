// Package http holds what HTTP/1 and HTTP/2 share: the configuration and the
// semantic conventions.
package http

// Config is the http section of the receiver's configuration.
type Config struct {
	RequestHeaders           []string // header names to record
	ResponseHeaders          []string
	Routes                   []string // "/users/{id}"
	RouteInference           bool
	SensitiveQueryParameters []string // their values become REDACTED
	KnownMethods             []string // replaces the default list when not empty
}
