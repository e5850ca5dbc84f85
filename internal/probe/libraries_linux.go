package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// TLSHook is the hook without which no plaintext of TLS connections is seen.
const TLSHook = "tls"

const (
	maxLibraries = 4096  // files probed at a time
	maxGoCalls   = 16384 // goroutines inside of calls
)

// tlsEntries is how large a map of the kernel side is.
func tlsEntries(c Config, name string) uint32 {
	switch {
	case !c.TLS:
		return 1
	case name == "libraries":
		return maxLibraries
	case name == "go_calls":
		return maxGoCalls
	}
	return uint32(c.MaxConnections)
}

// libraries probes TLS libraries: one program, whose probes say by their cookie
// where they sit (bpf/include/library.h).
type libraries struct {
	program *ebpf.Program
	multi   bool // one link for many probes; from 6.6 on, and without CAP_SYS_ADMIN
	table   *ebpf.Map

	mu   sync.Mutex
	used map[uint32]bool // indices of table
	next uint32
}

// libraryRecord is struct library.
type libraryRecord struct {
	Attached uint64
	Random   [randomSteps]int32
	Steps    uint32
	_        uint32
}

const randomSteps = 4

// newLibraries loads the program; nil when nobody asks for it or the kernel
// refuses it. Then the hooks of sockets do not look for TLS.
func newLibraries(l *loader) *libraries {
	if !l.cfg.TLS {
		return nil
	}
	b := &libraries{table: l.shared["libraries"], used: make(map[uint32]bool)}
	state := State{Hook: TLSHook, Form: "uprobe"}
	if b.multi = features.HaveBPFLinkUprobeMulti() == nil; b.multi {
		state.Form = "uprobe_multi"
		l.specs[plain].Programs["library_call"].AttachType = ebpf.AttachTraceUprobeMulti
	}
	b.program, state.Err = l.loadProgram(plain, "library_call", l.consts)
	if state.Err != nil {
		l.consts["tls"] = false
		state.Form, b = "", nil
	}
	l.states = append(l.states, state)
	return b
}

func (b *libraries) close() {
	if b == nil {
		return
	}
	_ = b.program.Close()
}

// attach is an Attach. A library that cannot be probed does not hinder others.
func (b *libraries) attach(path string, f *os.File, found []exe.Library) (io.Closer, error) {
	var all closers
	var errs []error
	for _, lib := range found {
		p, err := b.probe(f, lib)
		if err != nil {
			errs = append(errs, fmt.Errorf("probing %s in %s: %w", lib.Kind, path, err))
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

type closers []io.Closer

func (all closers) Close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// probe puts probes on the functions of a library.
func (b *libraries) probe(f *os.File, lib exe.Library) (*probed, error) {
	at, err := b.enter(lib)
	if err != nil {
		return nil, err
	}
	p := &probed{libraries: b, index: at}
	// The file that was looked at, whatever has its path by now, in whatever mount namespace.
	ex, err := link.OpenExecutable(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err == nil {
		err = p.attach(ex, pointsOf(lib, at))
	}
	if err == nil {
		err = b.attached(lib, at)
	}
	if err != nil {
		_ = p.Close() // the first error says more
		return nil, err
	}
	return p, nil
}

// enter gives a library an index.
func (b *libraries) enter(lib exe.Library) (uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.used) >= maxLibraries {
		return 0, fmt.Errorf("more than %d libraries", maxLibraries)
	}
	for b.used[b.next] {
		b.next = (b.next + 1) % maxLibraries
	}
	at := b.next
	b.next = (at + 1) % maxLibraries
	b.used[at] = true
	return at, b.table.Put(at, record(lib))
}

func record(lib exe.Library) libraryRecord {
	var r libraryRecord
	if len(lib.Random) <= randomSteps {
		r.Steps = uint32(copy(r.Random[:], lib.Random))
	}
	return r
}

// attached says from when on no call is missed.
func (b *libraries) attached(lib exe.Library, at uint32) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("reading the clock: %w", err)
	}
	r := record(lib)
	r.Attached = uint64(now.Nano())
	return b.table.Put(at, r)
}

// probed is a library whose calls are seen.
type probed struct {
	libraries *libraries
	index     uint32
	links     []link.Link
}

// Close detaches its probes.
func (p *probed) Close() error {
	var errs []error
	for _, l := range p.links {
		errs = append(errs, l.Close())
	}
	p.links = nil
	p.libraries.mu.Lock()
	defer p.libraries.mu.Unlock()
	delete(p.libraries.used, p.index)
	return errors.Join(errs...)
}

// attach attaches exits before entries: a call whose beginning was seen ends.
func (p *probed) attach(ex *link.Executable, points points) error {
	if err := p.attachSet(ex, points.returns, true); err != nil {
		return err
	}
	return p.attachSet(ex, append(points.exits, points.entries...), false)
}

func (p *probed) attachSet(ex *link.Executable, set []point, returns bool) error {
	if len(set) == 0 {
		return nil
	}
	if p.libraries.multi {
		return p.attachMulti(ex, set, returns)
	}
	for _, at := range set {
		options := &link.UprobeOptions{Address: at.offset, Cookie: at.cookie}
		attach := ex.Uprobe
		if returns {
			attach = ex.Uretprobe
		}
		l, err := attach("", p.libraries.program, options)
		if err != nil {
			return fmt.Errorf("attaching %s at %#x: %w", at.name, at.offset, err)
		}
		p.links = append(p.links, l)
	}
	return nil
}

func (p *probed) attachMulti(ex *link.Executable, set []point, returns bool) error {
	options := &link.UprobeMultiOptions{}
	for _, at := range set {
		options.Addresses = append(options.Addresses, at.offset)
		options.Cookies = append(options.Cookies, at.cookie)
	}
	attach := ex.UprobeMulti
	if returns {
		attach = ex.UretprobeMulti
	}
	l, err := attach(nil, p.libraries.program, options)
	if err != nil {
		return fmt.Errorf("attaching %d probes: %w", len(set), err)
	}
	p.links = append(p.links, l)
	return nil
}

// watchLibraries probes the libraries that processes use; nil when none is to be.
func watchLibraries(l *loader) (*Watcher, error) {
	if l.plain == nil {
		return nil, nil
	}
	e, err := NewExecs(l.shared["execs"])
	if err != nil {
		return nil, err
	}
	return Watch(WatchConfig{Attach: l.plain.attach, Wanted: l.targets.mayObserve, Execs: e, Report: l.unprobed}), nil
}

func (l *loader) unprobed(found Library) {
	if l.cfg.Unprobed != nil {
		l.cfg.Unprobed(found.Path, found.Err)
	}
}

// LookForTLS asks for another look at a process that speaks TLS by a library
// nobody knows of.
func (p *Probes) LookForTLS(pid uint32) {
	if p.watcher != nil {
		p.watcher.Look(pid)
	}
}
