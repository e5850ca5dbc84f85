package spans

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/conn"
	"github.com/edf076de/ebpfreceiver/internal/latency"
	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A Split is the time of a span by parts, with the bound of the verdict: what is
// shorter than Slow is nobody's fault.
type Split struct {
	latency.Split
	Slow time.Duration
}

// The attributes beside the parts.
const (
	keyReused      = "ebpf.connection.reused"
	keyRemainder   = "ebpf.latency.remainder"
	keyResetBy     = "ebpf.tcp.reset_by"
	keyRetransmits = "ebpf.tcp.retransmits"
	keyRTOTime     = "ebpf.tcp.rto_time"
	keyZeroWindows = "ebpf.tcp.zero_windows"
	keySRTT        = "ebpf.tcp.srtt"
	keyVerdict     = "ebpf.verdict"
)

// Count is how many attributes Put may write, whatever becomes known until then.
func (s *Split) Count() int {
	const beside = 7 // reused or delivery, remainder, reset_by and putTrouble's
	return s.Parts() + beside
}

// Put writes what was observed to the attributes of the span. It is called once.
func (s *Split) Put(m pcommon.Map) {
	for p, name := range latency.Names {
		if d, ok := s.Took(latency.Part(p)); ok && (d > 0 || latency.Part(p) != latency.RequestTransfer) {
			m.PutDouble(name, d.Seconds())
		}
	}
	if rest := s.Remainder(); rest > s.Total/100 {
		m.PutDouble(keyRemainder, rest.Seconds())
	}
	if s.Side == proto.Client && s.Reuse != latency.ReuseUnknown {
		m.PutBool(keyReused, s.Reuse == latency.Reused)
	}
	if by, ok := resetBy[s.End]; ok {
		m.PutStr(keyResetBy, by)
	}
	s.putTrouble(m)
}

// resetBy are the values of ebpf.tcp.reset_by.
var resetBy = map[conn.End]string{conn.ResetByPeer: "peer"}

func (s *Split) putTrouble(m pcommon.Map) {
	m.PutInt(keyRetransmits, int64(s.Retransmits))
	m.PutDouble(keyRTOTime, s.RTO.Seconds())
	m.PutInt(keyZeroWindows, int64(s.ZeroWindows))
	if s.SRTT > 0 {
		m.PutDouble(keySRTT, s.SRTT.Seconds())
	}
	m.PutStr(keyVerdict, s.Verdict(s.Slow).String())
}
