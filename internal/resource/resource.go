// Package resource describes processes in OpenTelemetry's words.
//
// Everything is read from what is known of the process: nothing here asks the
// kernel, so a process that has exited is described as well as a living one.
package resource

import (
	"container/list"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/process"
)

// maxProcesses is how many resources a cache keeps: about 2 KiB each.
const maxProcesses = 16384

// A Cache makes the resource of a process once and keeps it. One goroutine uses it.
type Cache struct {
	host  string
	byID  map[process.ID]*list.Element
	queue list.List // of *entry, the oldest in front
}

// An entry is the resource of one process.
type entry struct {
	info     *process.Info
	resource pcommon.Resource
}

// New returns a cache that names the host as given: "node-7". It keeps the
// resources of 16384 processes and drops the oldest for more.
func New(host string) *Cache {
	return &Cache{host: host, byID: map[process.ID]*list.Element{}}
}

// Of returns the resource of a process. The caller must not change it.
//
// The same Info gets the same resource, so resources may be compared with ==.
// A new Info of a known process gets a new resource: the process called exec.
func (c *Cache) Of(p *process.Info) pcommon.Resource {
	if e := c.byID[p.ID]; e != nil {
		kept := e.Value.(*entry)
		if kept.info != p {
			*kept = entry{p, describe(p, c.host)}
		}
		return kept.resource
	}
	if len(c.byID) >= maxProcesses {
		c.drop(c.queue.Front())
	}
	made := &entry{p, describe(p, c.host)}
	c.byID[p.ID] = c.queue.PushBack(made)
	return made.resource
}

// Forget drops what is kept of a process.
func (c *Cache) Forget(id process.ID) {
	if e := c.byID[id]; e != nil {
		c.drop(e)
	}
}

func (c *Cache) drop(e *list.Element) {
	delete(c.byID, e.Value.(*entry).info.ID)
	c.queue.Remove(e)
}
