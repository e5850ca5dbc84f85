package pipeline

import (
	"context"
	"sync/atomic"
)

// outletQueue is how many batches may wait for a consumer.
const outletQueue = 16

// An outlet delivers to one consumer from a goroutine of its own. What does not
// fit in its queue is dropped and counted.
type outlet[T any] struct {
	consume func(context.Context, T) // nil: nobody wants it
	count   func(T) int              // of the items in a T
	queue   chan T
	dropped atomic.Uint64 // items
}

func newOutlet[T any](consume func(context.Context, T), count func(T) int) *outlet[T] {
	return &outlet[T]{consume: consume, count: count, queue: make(chan T, outletQueue)}
}

func (o *outlet[T]) wanted() bool { return o.consume != nil }

func (o *outlet[T]) put(v T) {
	select {
	case o.queue <- v:
	default:
		o.dropped.Add(uint64(o.count(v)))
	}
}

func (o *outlet[T]) run(ctx context.Context) {
	for v := range o.queue {
		o.consume(ctx, v)
	}
}

func (o *outlet[T]) close() { close(o.queue) }
