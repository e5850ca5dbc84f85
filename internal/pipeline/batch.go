package pipeline

import "encoding/binary"

const (
	batchBytes  = 256 << 10 // a batch of records is handed over at this size
	batchesLane = 8         // that a lane and the reader share
	wordMask    = 7         // records begin at multiples of eight bytes: the decoder reads them in place
)

// A batch is a run of records on their way to a lane.
type batch struct {
	bytes   []byte // each record: its length as a uint64, its bytes, padding
	drained bool   // no record waited in the source behind these
}

func (b *batch) add(record []byte) {
	b.bytes = binary.NativeEndian.AppendUint64(b.bytes, uint64(len(record)))
	b.bytes = append(b.bytes, record...)
	for len(b.bytes)&wordMask != 0 {
		b.bytes = append(b.bytes, 0)
	}
}

func (b *batch) full() bool { return len(b.bytes) >= batchBytes }

// each calls take with every record.
func (b *batch) each(take func(record []byte)) {
	for rest := b.bytes; len(rest) > 0; {
		n := int(binary.NativeEndian.Uint64(rest))
		rest = rest[8:]
		take(rest[:n:n])
		rest = rest[(n+wordMask)&^wordMask:]
	}
}
