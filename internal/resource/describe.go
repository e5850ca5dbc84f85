package resource

import (
	"path"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/process"
)

// describe makes the resource of a process on a host. An unknown fact is an
// absent attribute.
//
// The environment of the process wins over a guess, and what the kernel knows
// wins over the environment: a child inherits variables that its parent was
// described with.
//
// Source: semantic conventions 1.43.0, resource, process, container, k8s, host.
func describe(p *process.Info, host string) pcommon.Resource {
	r := pcommon.NewResource()
	m := r.Attributes()
	m.EnsureCapacity(12)
	putStr(m, "host.name", host)
	declared := parseAttributes(p.ResourceAttributes)
	for _, a := range declared {
		putStr(m, a.key, a.value)
	}
	where := parseCgroup(p.Cgroup)
	m.PutStr("service.name", serviceName(p, m, where.unit))
	putInt(m, "process.pid", p.PID)
	putInt(m, "process.parent_pid", p.Parent)
	putStr(m, "process.executable.name", baseName(p.Exe))
	putStr(m, "process.executable.path", p.Exe)
	putStr(m, "process.command", p.Command)
	putStr(m, "container.id", where.container)
	putStr(m, "k8s.pod.uid", where.pod)
	return r
}

// serviceName takes the first name there is: what the process was told to be
// called, its systemd unit, its executable, the kernel's name for it.
func serviceName(p *process.Info, declared pcommon.Map, unit string) string {
	own := ""
	if v, ok := declared.Get("service.name"); ok {
		own = v.Str()
	}
	for _, name := range []string{p.ServiceName, own, unit, baseName(p.Exe), p.Comm} {
		if name != "" {
			return valid(name)
		}
	}
	return "unknown_service"
}

// baseName returns the last part of a path, empty when there is none.
func baseName(file string) string {
	if file == "" || strings.HasSuffix(file, "/") {
		return ""
	}
	return path.Base(file)
}

func putStr(m pcommon.Map, key, value string) {
	if value != "" {
		m.PutStr(key, valid(value))
	}
}

func putInt(m pcommon.Map, key string, value uint32) {
	if value != 0 {
		m.PutInt(key, int64(value))
	}
}

// valid replaces bytes that are not UTF-8: a file may be named anything, but
// one such string makes a receiver refuse the whole message.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
