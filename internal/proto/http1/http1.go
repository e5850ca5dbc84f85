// Package http1 parses HTTP/1.0 and HTTP/1.1.
//
// Source: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
package http1

import (
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// New returns the protocol.
func New(c http.Config) *proto.Protocol { return &proto.Protocol{Name: "http1"} }
