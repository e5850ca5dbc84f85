//go:build linux

package e2e

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// registers are where struct pt_regs has the arguments, the result, the stack pointer and Go's goroutine.
type registers struct {
	c, golang     []int16 // arguments
	result, sp, g int16
}

var registersOf = map[string]registers{
	"amd64": {c: []int16{112, 104, 96, 88, 72}, golang: []int16{80, 40, 88}, result: 80, sp: 152, g: 8},
	"arm64": {c: []int16{0, 8, 16, 24, 32}, golang: []int16{0, 8, 16}, result: 0, sp: 248, g: 224},
}

// A hit is what a probe saw: its number, the thread or goroutine, five arguments, the
// result register, a word of the stack.
type hit [9]uint64

// A place is what a probe's number stands for.
type place struct {
	function exe.Function
	result   exe.Result // exits
	enters   bool
}

// watched are the probes on one file, for one process.
type watched struct {
	places []place
	reader *ringbuf.Reader
}

// watch puts probes on all points of a library.
func watchCalls(t *testing.T, path string, pid int, l exe.Library) *watched {
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 4 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { _ = ring.Close() })
	w := &watched{}
	w.reader, err = ringbuf.NewReader(ring)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.reader.Close() })
	file, err := link.OpenExecutable(path)
	require.NoError(t, err)
	put := func(at exe.Point, p place, returns bool) {
		program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Type: ebpf.Kprobe, License: "GPL",
			Instructions: report(ring, uint32(pid), len(w.places), at.Result.Offset, l.Kind == exe.GoTLS),
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = program.Close() })
		w.places = append(w.places, p)
		attach := file.Uprobe
		if returns {
			attach = file.Uretprobe
		}
		ln, err := attach(fmt.Sprintf("p%d", len(w.places)), program, &link.UprobeOptions{Address: at.Offset, PID: pid})
		require.NoError(t, err)
		t.Cleanup(func() { _ = ln.Close() })
	}
	for _, f := range l.Functions {
		put(f.Entry, place{function: f, enters: true}, false)
		for _, e := range f.Exits {
			put(e, place{function: f, result: e.Result}, false)
		}
		if f.Return.Offset != 0 {
			put(f.Return, place{function: f, result: exe.Result{In: exe.InRegister, Size: f.Size}}, true)
		}
	}
	return w
}

// report is a program that sends a hit.
func report(ring *ebpf.Map, pid uint32, number int, offset int32, golang bool) asm.Instructions {
	r := registersOf[runtime.GOARCH]
	arguments := r.c
	if golang {
		arguments = r.golang
	}
	const at = -int16(len(hit{}) * 8)
	p := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.FnGetCurrentPidTgid.Call(),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.RSh.Imm(asm.R0, 32),
		asm.JNE.Imm(asm.R0, int32(pid), "out"),
		asm.Mov.Imm(asm.R1, int32(number)),
		asm.StoreMem(asm.RFP, at, asm.R1, asm.DWord),
		asm.StoreMem(asm.RFP, at+8, asm.R7, asm.DWord),
	}
	load := func(from, to int16) {
		p = append(p, asm.LoadMem(asm.R1, asm.R6, from, asm.DWord), asm.StoreMem(asm.RFP, at+to, asm.R1, asm.DWord))
	}
	for i := range 5 {
		load(arguments[min(i, len(arguments)-1)], int16(16+8*i))
	}
	load(r.result, 56)
	if golang {
		load(r.g, 8)
	}
	p = append(p,
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, int32(at+64)), asm.Mov.Imm(asm.R2, 8),
		asm.LoadMem(asm.R3, asm.R6, r.sp, asm.DWord), asm.Add.Imm(asm.R3, offset),
		asm.FnProbeReadUser.Call(),
		asm.LoadMapPtr(asm.R1, ring.FD()), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(at)),
		asm.Mov.Imm(asm.R3, int32(len(hit{})*8)), asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
	p[len(p)-2] = asm.Mov.Imm(asm.R0, 0).WithSymbol("out")
	return p
}

// hits returns what the probes have seen until now.
func (w *watched) hits(t *testing.T) (all []hit) {
	w.reader.SetDeadline(time.Unix(1, 0))
	for {
		r, err := w.reader.Read()
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			return all
		}
		var h hit
		for i := range h {
			h[i] = binary.NativeEndian.Uint64(r.RawSample[8*i:])
		}
		all = append(all, h)
	}
}

// A called function, and what it returned.
type called struct {
	name             string
	op               exe.Op
	session, address uint64
	size, result     int64
	moved            uint64 // address of the number of bytes moved
}

// calls makes calls of hits, by the rules of exe.Function.
func (w *watched) calls(t *testing.T) (all []called) {
	pending := make(map[uint64][]called) // by thread or goroutine
	for _, h := range w.hits(t) {
		p, who := w.places[h[0]], h[1]
		inside := pending[who]
		if p.enters {
			c := called{name: p.function.Name, op: p.function.Op, session: h[2], address: h[3], size: int64(h[4])}
			if p.function.Moved > 0 {
				c.moved = h[2+p.function.Moved]
			}
			pending[who] = append(inside, c)
			continue
		}
		// the innermost call of the function; those inside of it have ended too
		i := len(inside) - 1
		for ; i >= 0 && inside[i].name != p.function.Name; i-- {
		}
		if i < 0 {
			continue
		}
		c := inside[i]
		pending[who] = inside[:i]
		c.result = result(p.result, h)
		if !slices.ContainsFunc(inside[:i], func(outer called) bool { return outer.op == exe.Flush && outer.session == c.session }) {
			all = append(all, c)
		}
	}
	return all
}

// result takes a function's result from where it is.
func result(r exe.Result, h hit) int64 {
	v := h[7]
	if r.In == exe.OnStack && (!r.Guarded || int32(h[7]) > 0) {
		v = h[8]
	}
	if r.Size == 4 {
		return int64(int32(v))
	}
	return int64(v)
}
