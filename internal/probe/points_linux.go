package probe

import (
	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// points are where a library's probes go.
type points struct{ entries, exits, returns []point }

// A point is one probe: where it is, and what the program is told of it.
type point struct {
	name   string // of the function
	offset uint64 // in the file
	cookie uint64
}

// The flags of a cookie.
const (
	pointExit    = uint64(bpf.RawPointFlagsPOINT_EXIT)
	pointGo      = uint64(bpf.RawPointFlagsPOINT_GO)
	pointStack   = uint64(bpf.RawPointFlagsPOINT_STACK)
	pointLong    = uint64(bpf.RawPointFlagsPOINT_LONG)
	pointGuarded = uint64(bpf.RawPointFlagsPOINT_GUARDED)
)

var ops = map[exe.Op]bpf.RawTlsOp{
	exe.Read:      bpf.RawTlsOpTLS_READ,
	exe.ReadEx:    bpf.RawTlsOpTLS_READ_EX,
	exe.Write:     bpf.RawTlsOpTLS_WRITE,
	exe.WriteEx:   bpf.RawTlsOpTLS_WRITE_EX,
	exe.Sendfile:  bpf.RawTlsOpTLS_SENDFILE,
	exe.Handshake: bpf.RawTlsOpTLS_HANDSHAKE,
	exe.Flush:     bpf.RawTlsOpTLS_FLUSH,
}

// pointsOf lists the probes of a library with an index.
func pointsOf(lib exe.Library, index uint32) (all points) {
	var common uint64
	if lib.Kind == exe.GoTLS {
		common = pointGo
	}
	for i, f := range lib.Functions {
		base := uint64(index)<<40 | uint64(uint8(i))<<32 | uint64(ops[f.Op])
		all.entries = append(all.entries, point{f.Name, f.Entry.Offset, base | common<<8 | uint64(f.Moved)<<16})
		for _, exit := range f.Exits {
			all.exits = append(all.exits, point{f.Name, exit.Offset, base | resultCookie(exit.Result, common|pointExit)})
		}
		if f.Return.Offset != 0 {
			r := exe.Result{In: exe.InRegister, Size: f.Size}
			all.returns = append(all.returns, point{f.Name, f.Return.Offset, base | resultCookie(r, common|pointExit)})
		}
	}
	return all
}

// resultCookie says where a result is.
func resultCookie(r exe.Result, flags uint64) uint64 {
	if r.In == exe.OnStack {
		flags |= pointStack
	}
	if r.Size == 8 {
		flags |= pointLong
	}
	if r.Guarded {
		flags |= pointGuarded
	}
	return flags<<8 | uint64(uint16(r.Offset))<<16
}
