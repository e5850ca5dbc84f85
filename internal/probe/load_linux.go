package probe

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
)

// A loader puts one plan's programs into the kernel.
type loader struct {
	cfg     Config
	plan    plan
	targets *selection
	consts  map[string]any
	specs   map[object]*ebpf.CollectionSpec
	cache   *btf.Cache
	shared  map[string]*ebpf.Map // by name; .rodata is not shared: every program has its own constants
	first   *ebpf.Collection     // owns the shared maps of the tcp object and the variables
	others  []*ebpf.Collection   // own those of the other objects
	links   []*attached
	plain   *libraries // nil when no library is probed
	states  []State
}

func newLoader(c Config, p plan, consts map[string]any, s *selection, cache *btf.Cache) (*loader, error) {
	l := &loader{
		cfg: c, plan: p, targets: s, consts: maps.Clone(consts), cache: cache,
		shared: make(map[string]*ebpf.Map),
	}
	if err := l.readObjects(); err != nil {
		return nil, err
	}
	l.consts["conns_on_socket"] = p.onSocket
	if p.untimed {
		l.cfg.Latency = false
	}
	l.consts["timing"] = l.cfg.Latency
	l.consts["tls"] = l.cfg.TLS
	l.consts["watch_execs"] = c.Execs || c.TLS
	maps.Copy(l.consts, healthConsts(c))
	l.size()
	if err := l.makeMaps(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loader) readObjects() error {
	tcpSpec, err := bpf.LoadTcp()
	if err != nil {
		return fmt.Errorf("reading the tcp object: %w", err)
	}
	processSpec, err := bpf.LoadProcess()
	if err != nil {
		return fmt.Errorf("reading the process object: %w", err)
	}
	segmentsSpec, err := bpf.LoadSegments()
	if err != nil {
		return fmt.Errorf("reading the segments object: %w", err)
	}
	dnsSpec, err := bpf.LoadDns()
	if err != nil {
		return fmt.Errorf("reading the dns object: %w", err)
	}
	healthSpec, err := bpf.LoadHealth()
	if err != nil {
		return fmt.Errorf("reading the health object: %w", err)
	}
	plainSpec, err := bpf.LoadPlain()
	if err != nil {
		return fmt.Errorf("reading the plain object: %w", err)
	}
	l.specs = map[object]*ebpf.CollectionSpec{
		tcp: tcpSpec, process: processSpec, segments: segmentsSpec, dns: dnsSpec, connHealth: healthSpec, plain: plainSpec,
	}
	return nil
}

// size sets the maps' sizes from the configuration.
func (l *loader) size() {
	for _, spec := range l.specs {
		for name, m := range spec.Maps {
			switch name {
			case "events":
				m.MaxEntries = uint32(l.cfg.RingBytes)
			case "conns_by_address":
				if !l.plan.onSocket {
					m.MaxEntries = uint32(l.cfg.MaxConnections)
				}
			case "carriers", "sessions", "go_calls", "libraries":
				m.MaxEntries = tlsEntries(l.cfg, name)
			case "tallies":
				m.MaxEntries = uint32(maxSeries(l.cfg))
			case "ports":
				if l.targets.namesPorts() {
					m.MaxEntries = 1 << 16
				}
			}
		}
	}
}

// makeMaps creates the maps that all programs share.
func (l *loader) makeMaps() error {
	first, err := l.makeMapsOf(tcp)
	if err != nil {
		return err
	}
	l.first = first
	for o := range l.specs {
		if o == tcp || o == connHealth && !l.cfg.Health || o == plain && !l.cfg.TLS {
			continue
		}
		coll, err := l.makeMapsOf(o)
		if err != nil {
			return err
		}
		l.others = append(l.others, coll)
	}
	if !l.cfg.Health {
		return nil
	}
	return l.makeLastTallies()
}

// makeMapsOf creates the maps of an object that none before it has.
func (l *loader) makeMapsOf(o object) (*ebpf.Collection, error) {
	spec := l.specs[o].Copy()
	spec.Programs = nil
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: l.replacements(o, spec), Cache: l.cache})
	if err != nil {
		return nil, fmt.Errorf("creating the maps: %w", err)
	}
	for name, m := range coll.Maps {
		if _, ok := l.shared[name]; !ok && !strings.HasPrefix(name, ".rodata") && (o == tcp || name != ".bss") {
			l.shared[name] = m
		}
	}
	return coll, nil
}

// replacements are the maps of an object that exist.
func (l *loader) replacements(o object, spec *ebpf.CollectionSpec) map[string]*ebpf.Map {
	replace := make(map[string]*ebpf.Map)
	for name := range spec.Maps {
		if m, ok := l.shared[name]; ok && (o == tcp || name != ".bss") {
			replace[name] = m
		}
	}
	return replace
}

// attachAll attaches every hook in its first form that attaches. The error says
// which hook that cannot be done without has none.
func (l *loader) attachAll() error {
	for _, h := range hooks {
		if !l.wanted(h) {
			continue
		}
		state := l.attachHook(h)
		l.states = append(l.states, state)
		if h.name == SegmentHook && state.Err != nil {
			l.consts["timing"] = false // the hooks behind would wait for what nobody tells them
		}
		if state.Err != nil && h.required {
			return fmt.Errorf("no form of the hook %s attaches: %w", h.name, state.Err)
		}
	}
	return nil
}

// wanted reports whether a hook has something to do.
func (l *loader) wanted(h hook) bool {
	switch {
	case h.timing:
		return l.cfg.Latency
	case h.object == connHealth && !l.cfg.Health:
		return false
	case h.name == "cgroup":
		return len(l.targets.cgroups) > 0
	case h.name == "sendpage":
		return l.kernelHas("tcp_sendpage") // from 6.5 on sendfile enters through tcp_sendmsg
	case h.name == "timeouts":
		return !l.socketsCount("total_rto") // from 6.7 on they do
	}
	return true
}

func (l *loader) kernelHas(function string) bool {
	spec, err := l.cache.Kernel()
	if err != nil {
		return false
	}
	var f *btf.Func
	return spec.TypeByName(function, &f) == nil
}

func (l *loader) attachHook(h hook) State {
	var errs []error
	for _, form := range h.forms {
		if !h.stateless && !l.plan.usable(form) || !allowed(h, form) || !l.affordable(form) || !l.called(form) {
			continue
		}
		links, sections, err := l.attachForm(h.object, form)
		if err == nil {
			l.links = append(l.links, links...)
			return State{Hook: h.name, Form: strings.Join(sections, "+")}
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("no form fits this plan"))
	}
	return State{Hook: h.name, Err: errors.Join(errs...)}
}

// affordable reports whether a form costs only what it observes. The one that
// runs at every system call of the host must have been asked for.
func (l *loader) affordable(form []string) bool {
	return form[0] != "accept_tp" || l.cfg.AcceptFromSyscalls
}

// attachForm attaches all programs of one form, or none.
func (l *loader) attachForm(o object, form []string) (links []*attached, sections []string, err error) {
	defer func() {
		if err != nil {
			closeAll(links)
		}
	}()
	consts := maps.Clone(l.consts)
	consts["send_starts"] = slices.ContainsFunc(form, func(p string) bool { return strings.HasPrefix(p, "send_start_") })
	consts["send_chunks"] = slices.Contains(form, "send_start_tp")
	for _, name := range form {
		ln, section, err := l.attachProgram(o, name, consts)
		if err != nil {
			return links, nil, err
		}
		links = append(links, ln)
		sections = append(sections, section)
	}
	return links, sections, nil
}

// attachProgram loads one program, with constants of its own, and attaches it.
func (l *loader) attachProgram(o object, name string, consts map[string]any) (*attached, string, error) {
	only, ok := l.specs[o].Programs[name]
	if !ok {
		return nil, "", fmt.Errorf("no program %s", name)
	}
	section := only.SectionName
	program, err := l.loadProgram(o, name, consts)
	if err != nil {
		return nil, section, fmt.Errorf("loading %s: %w", section, err)
	}
	ln, err := l.attach(name, section, program)
	if err != nil {
		_ = program.Close() // the error says more
		return nil, section, fmt.Errorf("attaching %s: %w", section, err)
	}
	return &attached{link: ln, name: name, program: program}, section, nil
}

// loadProgram loads one program, with constants of its own.
func (l *loader) loadProgram(o object, name string, consts map[string]any) (*ebpf.Program, error) {
	spec := l.specs[o].Copy()
	spec.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}
	for name, value := range consts {
		if v, ok := spec.Variables[name]; ok {
			if err := v.Set(value); err != nil {
				return nil, fmt.Errorf("setting %s: %w", name, err)
			}
		}
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: l.replacements(o, spec), Cache: l.cache})
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}

// attached is a program at work.
type attached struct {
	link    io.Closer
	name    string
	program *ebpf.Program
}

// Close detaches the program.
func (a *attached) Close() error { return errors.Join(a.link.Close(), a.program.Close()) }

func (l *loader) attach(name, section string, program *ebpf.Program) (io.Closer, error) {
	if t, ok := tails[name]; ok {
		return t.fill(l.shared[t.table], program)
	}
	kind, target, _ := strings.Cut(section, "/")
	switch kind {
	case "tp_btf", "fentry", "fexit":
		return link.AttachTracing(link.TracingOptions{Program: program})
	case "kprobe":
		return link.Kprobe(target, program, nil)
	case "kretprobe":
		return link.Kretprobe(target, program, nil)
	case "cgroup":
		root, err := cgroupRoot()
		if err != nil {
			return nil, err
		}
		return link.AttachCgroup(link.CgroupOptions{Path: root, Attach: ebpf.AttachCgroupInetSockRelease, Program: program})
	case "iter":
		if target == "bpf_sk_storage_map" {
			return link.AttachIter(link.IterOptions{Program: program, Map: l.shared["stats"]})
		}
		return link.AttachIter(link.IterOptions{Program: program})
	}
	return nil, fmt.Errorf("section %q: unknown kind", section)
}

// close detaches everything and frees the maps.
func (l *loader) close() {
	l.plain.close()
	closeAll(l.links)
	l.links = nil
	for _, coll := range l.others {
		coll.Close()
	}
	if l.first != nil {
		l.first.Close()
	}
}

func closeAll(links []*attached) {
	for i := len(links) - 1; i >= 0; i-- {
		_ = links[i].Close()
	}
}
