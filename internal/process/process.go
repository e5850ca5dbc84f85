// Package process knows the processes whose connections are observed.
//
// The kernel describes a process once, when its first selected connection moves
// bytes, so that even a process that has exited meanwhile is known. What the
// kernel could not tell is read from /proc while the process lives.
package process

import (
	"strings"
	"time"
)

// An ID names a process for ever: the kernel reuses a PID, never with the same start.
type ID struct {
	PID   uint32        // in the initial PID namespace
	Start time.Duration // since boot (CLOCK_BOOTTIME)
}

// Info is what is known of one process. Empty means unknown.
type Info struct {
	ID
	Parent  uint32 // PID of the parent
	Comm    string // the kernel's name, at most 15 bytes
	Exe     string // path of the executable as the process sees it: "/usr/sbin/nginx"
	Command string // argv[0]
	Cgroup  string // path in the cgroup v2 hierarchy, else in a v1 one: "/system.slice/nginx.service"

	ServiceName        string // OTEL_SERVICE_NAME of its environment
	ResourceAttributes string // OTEL_RESOURCE_ATTRIBUTES of its environment
}

// Declare takes a variable of the environment, NAME=value, if it is one of the two.
func (p *Info) Declare(variable string) {
	switch name, value, _ := strings.Cut(variable, "="); name {
	case "OTEL_SERVICE_NAME":
		p.ServiceName = value
	case "OTEL_RESOURCE_ATTRIBUTES":
		p.ResourceAttributes = value
	}
}
