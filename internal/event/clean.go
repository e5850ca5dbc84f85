package event

import (
	"bytes"
	"unsafe"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
)

// clean returns a copy of a record without what no field of it means: room in
// the ring is not emptied before it is used again, so behind a payload may stand
// what another process sent.
func clean(record []byte) []byte {
	var e Event
	kept := bytes.Clone(record)
	if Decode(record, &e) != nil {
		return kept
	}
	switch e.Kind {
	case Data:
		d, _ := view[bpf.RawWireData](kept)
		clear(d.Tail[d.TailLen:])
		return kept[:int(unsafe.Sizeof(*d))+len(e.Payload)]
	case Datagram:
		return kept[:int(unsafe.Sizeof(bpf.RawWireDatagram{}))+len(e.Payload)]
	case Process:
		p, _ := view[bpf.RawWireProcess](kept)
		cleanProcess(p, int(e.Flags))
		return kept[:unsafe.Sizeof(*p)]
	}
	return kept
}

func cleanProcess(p *bpf.RawWireProcess, env int) {
	clear(p.Exe[:min(int(p.ExeAt), len(p.Exe))])
	clear(p.Cgroup[:min(int(p.CgroupAt), len(p.Cgroup))])
	clear(p.Env[min(env, len(p.Env)):])
	for _, text := range [][]byte{p.Comm[:], p.Command[:]} {
		clear(text[len(beforeNUL(text)):])
	}
}
