package ebpfreceiver

import (
	"maps"
	"sync"
)

// The stages that can lose something.
const (
	stageKernel   = "kernel"
	stagePipeline = "pipeline"
	stageConsumer = "consumer"
)

// A loss is a kind of loss: where, why and of what.
type loss struct{ stage, reason, part string }

// losses count what was lost, by kind.
type losses struct {
	mu sync.Mutex
	n  map[loss]int64
}

func (l *losses) add(kind loss, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == nil {
		l.n = map[loss]int64{}
	}
	l.n[kind] += int64(n)
}

// counts returns a copy of the counts.
func (l *losses) counts() map[loss]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.n)
}
