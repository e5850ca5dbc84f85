package pipeline

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/proto"
	"github.com/edf076de/ebpfreceiver/internal/spans"
)

// waiting holds the server spans of the batch at hand whose responses were not
// acknowledged yet: the last one of each connection. Their splits are put when the
// acknowledgement comes, or without it before the spans are delivered.
type waiting struct {
	spans []waitingSpan
	at    map[uint64]int // index in spans, by connection
}

type waitingSpan struct {
	attrs pcommon.Map
	split spans.Split
	sent  uint64 // by the end of the response
	put   bool   // the split is
}

func (w *waiting) any() bool { return len(w.at) > 0 }

func (w *waiting) add(c *conn.Conn, attrs pcommon.Map, split *spans.Split) {
	if w.at == nil {
		w.at = make(map[uint64]int)
	}
	w.at[c.ID] = len(w.spans)
	w.spans = append(w.spans, waitingSpan{attrs: attrs, split: *split, sent: c.Sent})
}

// acked completes the span of a connection that waits, if there is one. When the
// process has sent more since, the acknowledgement is of that too, and says
// nothing of the response.
func (w *waiting) acked(c *conn.Conn, at time.Duration, m *proto.Meter) {
	i, ok := w.at[c.ID]
	if !ok {
		return
	}
	delete(w.at, c.ID)
	s := &w.spans[i]
	if s.sent == c.Sent {
		s.split.Delivered(at, m)
	}
	s.split.Put(s.attrs)
	s.put = true
}

// gone gives up the span of a connection.
func (w *waiting) gone(conn uint64) { delete(w.at, conn) }

// clear gives up all: the spans are delivered.
func (w *waiting) clear() {
	for i := range w.spans {
		if s := &w.spans[i]; !s.put {
			s.split.Put(s.attrs)
		}
	}
	clear(w.at)
	clear(w.spans)
	w.spans = w.spans[:0]
}
