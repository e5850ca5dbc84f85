package probe

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
	"github.com/edf076de/ebpfreceiver/internal/health"
)

// maxSeries leaves room for the tallies of what has no room.
func maxSeries(c Config) int { return max(c.MaxSeries, 16) }

// healthConsts are the values of health.h's constants.
func healthConsts(c Config) map[string]any {
	size := maxSeries(c)
	return map[string]any{
		"max_tallies":   uint64(size - size/8 - lastTallies),
		"health_peer":   c.HealthPeer,
		"health_bounds": healthBounds(),
	}
}

// healthBounds are the bounds of the histograms in nanoseconds; those not used
// are larger than anything.
func healthBounds() (all [bpf.RawHealthHistogramHISTOGRAMS][health.MaxBounds]uint64) {
	for i, bounds := range [...][]float64{
		bpf.RawHealthHistogramHISTOGRAM_CONNECT:  health.ConnectBounds,
		bpf.RawHealthHistogramHISTOGRAM_DURATION: health.DurationBounds,
		bpf.RawHealthHistogramHISTOGRAM_RTT:      health.RTTBounds,
	} {
		for j := range all[i] {
			all[i][j] = math.MaxUint64
		}
		for j, seconds := range bounds {
			all[i][j] = uint64(math.Round(seconds * float64(time.Second)))
		}
	}
	return all
}

// lastTallies is how many there are of what has no room at all: one for each transport.
const lastTallies = 2

// makeLastTallies makes the tallies of what has no room at all. They must not be
// in want of room themselves.
func (l *loader) makeLastTallies() error {
	for _, transport := range [lastTallies]bpf.RawHealthTransport{bpf.RawHealthTransportHEALTH_TCP, bpf.RawHealthTransportHEALTH_UDP} {
		key := bpf.RawSeries{Transport: uint8(transport), Overflow: 1}
		if err := l.shared["tallies"].Put(key, bpf.RawTally{}); err != nil {
			return fmt.Errorf("making the last tallies: %w", err)
		}
	}
	return nil
}

// socketsCount reports whether struct tcp_sock of this kernel has a field.
func (l *loader) socketsCount(field string) bool {
	spec, err := l.cache.Kernel()
	if err != nil {
		return false
	}
	var s *btf.Struct
	if spec.TypeByName("tcp_sock", &s) != nil {
		return false
	}
	return slices.ContainsFunc(s.Members, func(m btf.Member) bool { return m.Name == field })
}

// called reports whether the programs that call those of a form are attached.
func (l *loader) called(form []string) bool {
	return !slices.ContainsFunc(form, func(p string) bool {
		t, ok := tails[p]
		return ok && !l.hasAttached(t.caller)
	})
}

func (l *loader) hasAttached(program string) bool {
	return slices.ContainsFunc(l.links, func(a *attached) bool { return a.name == program })
}

// fill puts a program in its slot.
func (t tail) fill(table *ebpf.Map, program *ebpf.Program) (io.Closer, error) {
	if err := table.Put(t.slot, program); err != nil {
		return nil, fmt.Errorf("entering it in %s: %w", t.table, err)
	}
	return filled{table, t.slot}, nil
}

// filled is a program in a slot.
type filled struct {
	table *ebpf.Map
	slot  uint32
}

// Close empties the slot.
func (f filled) Close() error { return f.table.Delete(f.slot) }

// takeInventory notes the sockets there were before the health hooks attached.
// Without it only they go uncounted.
func (l *loader) takeInventory() {
	if !l.hasAttached("health_destroy_tp") {
		return
	}
	it, section, err := l.attachProgram(connHealth, "inventory_iter", l.consts)
	if err == nil {
		err = errors.Join(it.run(), it.Close())
	}
	if err != nil {
		section = ""
	}
	l.states = append(l.states, State{Hook: "inventory", Form: section, Err: err})
}
