package conn

import (
	"time"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A meter adds up what the records of one connection tell beside its bytes.
type meter struct {
	sum         proto.Meter
	begun       bool          // a record was metered
	read, wrote time.Duration // when the last calls did: a call may take several records
	full        time.Duration // since when the send buffer has had no room; zero: it has

	front, back proto.Moment // of the record at hand
}

// take meters a record and fills front and back.
func (m *meter) take(e *event.Event, dir int, joined bool) {
	if !m.begun && joined { // what was before is nobody's
		m.kernel(&e.Meter)
	}
	m.begun = true
	if dir == rx { // what was sent again before belongs to what was sent before
		m.sum.Retransmits, m.sum.RTO, m.sum.ZeroWindows = e.Retransmits, e.RTO, e.ZeroWindows
	}
	m.front = proto.Moment{Offset: e.Offset, Time: e.Time, Meter: m.sum}
	if dir == rx {
		m.front.Arrived, m.front.Acked = e.Arrived, e.Acked
		m.received(e)
	} else {
		m.sent(e)
	}
	m.kernel(&e.Meter)
	m.front.Meter.SRTT, m.front.Meter.MinRTT = m.sum.SRTT, m.sum.MinRTT
	m.back = m.front
	m.back.Time, m.back.Acked, m.back.Meter = e.Last, e.Acked, m.sum
}

// received adds how long the bytes of a call waited to be read.
func (m *meter) received(e *event.Event) {
	if e.Time == m.read {
		return
	}
	m.read = e.Time
	if e.Arrived == 0 {
		m.sum.Unseen++
		return
	}
	m.sum.Unread += max(0, e.Time-e.Arrived)
}

// sent adds how long a call waited for room, inside of it and since the one before.
func (m *meter) sent(e *event.Event) {
	if e.Time != m.wrote {
		m.wrote = e.Time
		if m.full > 0 {
			m.sum.Full += max(0, e.Time-m.full)
		}
		m.sum.Full += e.Last - e.Time
	}
	m.full = 0
	if e.Flags&event.Full != 0 {
		m.full = e.Last
	}
}

// kernel takes the totals the kernel side keeps.
func (m *meter) kernel(k *event.Meter) {
	m.sum.Retransmits, m.sum.RTO = k.Retransmits, k.RTO
	m.sum.ZeroWindows, m.sum.OutOfOrder = k.ZeroWindows, k.OutOfOrder
	m.sum.SRTT, m.sum.MinRTT = k.SRTT, k.MinRTT
}

// lost notes that a record is missing: how long its bytes waited is not known.
func (m *meter) lost() { m.sum.Unseen++ }
