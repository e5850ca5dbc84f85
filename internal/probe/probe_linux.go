package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/edf076de/ebpfreceiver/internal/event"
)

// Probes is the kernel side at work.
type Probes struct {
	loader *loader
	ring   *ring
	health *healthReader // nil when its hooks are not attached

	watcher *Watcher // of TLS libraries; nil when none is probed

	judging  sync.Mutex // guards the map of verdicts and the count that announces them
	verdicts uint32
}

// Open loads and attaches what c asks for. Its error names what is missing: a
// capability, BTF, a hook.
func Open(c Config) (*Probes, error) {
	if err := errors.Join(checkPrivileges(), checkBTF()); err != nil {
		return nil, err
	}
	// Before 5.11 maps count against RLIMIT_MEMLOCK; later this changes nothing.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raising RLIMIT_MEMLOCK: %w", err)
	}
	s, err := newSelection(c.Include, c.Exclude)
	if err != nil {
		return nil, err
	}
	cache := btf.NewCache()
	recvArgs, err := arguments(cache, "tcp_recvmsg")
	if err != nil {
		return nil, err
	}
	acceptArgs, err := arguments(cache, "inet_csk_accept")
	if err != nil {
		return nil, err
	}
	consts := s.consts(len(c.Include) > 0)
	consts["recvmsg_args"], consts["accept_args"] = recvArgs, acceptArgs
	consts["capture_bytes"] = uint32(c.CaptureBytes)
	consts["max_conns"] = uint32(c.MaxConnections)

	var errs []error
	for _, p := range plans {
		l, err := openPlan(c, p, consts, s, cache)
		if err == nil {
			return finish(l)
		}
		errs = append(errs, fmt.Errorf("connections in %s: %w", p.name, err))
	}
	if err := tooOld(errors.Join(errs...)); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the kernel refuses the probes: %w", errors.Join(errs...))
}

func openPlan(c Config, p plan, consts map[string]any, s *selection, cache *btf.Cache) (*loader, error) {
	l, err := newLoader(c, p, consts, s, cache)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.fill(l.shared), l.readListeners()); err != nil {
		l.close()
		return nil, err
	}
	l.plain = newLibraries(l)
	if err := errors.Join(l.attachAll(), s.fillLive(l.shared)); err != nil {
		l.close()
		return nil, err
	}
	l.takeInventory()
	if err := l.first.Variables["enabled"].Set(true); err != nil {
		l.close()
		return nil, fmt.Errorf("enabling the hooks: %w", err)
	}
	return l, nil
}

func finish(l *loader) (*Probes, error) {
	v := l.first.Variables
	r, err := newRing(l.shared["events"], v["reader_idle"], late{closes: l.shared["late_closes"], count: v["late_close_count"]})
	if err != nil {
		l.close()
		return nil, fmt.Errorf("opening the ring buffer: %w", err)
	}
	h := newHealthReader(l)
	w, err := watchLibraries(l)
	if err != nil {
		_ = r.close()
		h.close()
		l.close()
		return nil, err
	}
	// Loading needs tens of MiB of kernel types, running none of them.
	l.specs, l.cache = nil, nil
	debug.FreeOSMemory()
	return &Probes{loader: l, ring: r, health: h, watcher: w}, nil
}

// readListeners runs the iterator that notes which ports are listened on, and
// tells the kernel side which process is this one. A kernel without it only
// knows less of connections older than the probes.
func (l *loader) readListeners() error {
	self := l.first.Variables["self_tgid"]
	it, section, err := l.attachProgram(tcp, "listeners_iter", l.consts)
	if err != nil {
		l.states = append(l.states, State{Hook: "listeners", Err: err})
		return self.Set(uint32(os.Getpid())) // right unless in a PID namespace
	}
	defer it.Close()
	l.states = append(l.states, State{Hook: "listeners", Form: section})
	if err := it.run(); err != nil {
		return fmt.Errorf("reading the listeners: %w", err)
	}
	return nil
}

// run runs an iterator over all there is.
func (a *attached) run() error {
	it, ok := a.link.(*link.Iter)
	if !ok {
		return fmt.Errorf("%s: %T is not an iterator", a.name, a.link)
	}
	rc, err := it.Open()
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}

// Source returns the records. It may be used by one goroutine.
func (p *Probes) Source() event.Source { return p.ring }

// Verdict tells the kernel side what to do with a connection from its next call on.
func (p *Probes) Verdict(conn uint64, v event.Verdict) {
	p.judging.Lock()
	defer p.judging.Unlock()
	// To mute is asked again when the connection goes on; other verdicts that cannot be stored are lost.
	if p.loader.shared["verdicts"].Update(conn, v, ebpf.UpdateAny) != nil {
		return
	}
	p.verdicts++
	_ = p.loader.first.Variables["verdict_count"].Set(p.verdicts)
}

// States returns what became of every hook.
func (p *Probes) States() []State {
	if p.watcher == nil {
		return p.loader.states
	}
	states := slices.Clone(p.loader.states)
	for i := range states {
		if states[i].Hook == TLSHook {
			states[i].Err = p.watcher.Outside()
		}
	}
	return states
}

// MemoryBytes returns what the BPF maps take of kernel memory.
func (p *Probes) MemoryBytes() uint64 {
	var sum uint64
	for _, m := range p.loader.shared {
		if info, err := m.Info(); err == nil {
			if n, ok := info.Memlock(); ok {
				sum += n
			}
		}
	}
	return sum
}

// Close detaches everything. The source returns io.EOF from then on.
func (p *Probes) Close() error {
	err := p.ring.close()
	p.health.close()
	if p.watcher != nil {
		err = errors.Join(err, p.watcher.Close())
	}
	p.loader.close()
	return err
}
