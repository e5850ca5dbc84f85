package probe

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
)

// selection is the configured targets in the form the kernel side judges by:
// one bit per target, the includes in the low half.
type selection struct {
	anyPort, anyExe, anyPID, anyCgroup uint64 // targets that do not name the field
	ports                              map[uint16]uint64
	exes, cgroups                      []glob
	pids                               map[uint32]uint64
	includes                           uint64 // all of them
	exeExcludes                        uint64 // excludes that name executables and nothing else
}

type glob struct {
	pattern string
	targets uint64
}

func newSelection(include, exclude []Target) (*selection, error) {
	s := &selection{ports: make(map[uint16]uint64), pids: make(map[uint32]uint64)}
	if len(include) > MaxTargets || len(exclude) > MaxTargets {
		return nil, fmt.Errorf("more than %d targets", MaxTargets)
	}
	// Bits no target uses never match a port, so the other fields may say what
	// they like of them: "all" where no target names the field.
	unused := ^(uint64(1)<<len(include)-1)&0xffffffff | ^(uint64(1)<<len(exclude)-1)<<32
	s.anyExe, s.anyPID, s.anyCgroup = unused, unused, unused
	s.includes = uint64(1)<<len(include) - 1
	for i, t := range include {
		s.add(t, 1<<i)
	}
	for i, t := range exclude {
		s.add(t, 1<<(MaxTargets+i))
		if len(t.Executables) > 0 && len(t.Ports)+len(t.PIDs)+len(t.Cgroups) == 0 {
			s.exeExcludes |= 1 << (MaxTargets + i)
		}
	}
	if len(s.exes)+len(s.cgroups) > MaxGlobs {
		return nil, fmt.Errorf("%d globs on executables and cgroups; at most %d", len(s.exes)+len(s.cgroups), MaxGlobs)
	}
	return s, nil
}

func (s *selection) add(t Target, bit uint64) {
	if len(t.Ports) == 0 {
		s.anyPort |= bit
	}
	for _, r := range t.Ports {
		for p := int(r.First); p <= int(r.Last); p++ {
			s.ports[uint16(p)] |= bit
		}
	}
	if len(t.Executables) == 0 {
		s.anyExe |= bit
	}
	s.exes = appendGlobs(s.exes, t.Executables, bit)
	if len(t.Cgroups) == 0 {
		s.anyCgroup |= bit
	}
	s.cgroups = appendGlobs(s.cgroups, t.Cgroups, bit)
	if len(t.PIDs) == 0 {
		s.anyPID |= bit
	}
	for _, pid := range t.PIDs {
		s.pids[pid] |= bit
	}
}

func appendGlobs(globs []glob, patterns []string, bit uint64) []glob {
	for _, p := range patterns {
		i := slices.IndexFunc(globs, func(g glob) bool { return g.pattern == p })
		if i < 0 {
			globs = append(globs, glob{pattern: p})
			i = len(globs) - 1
		}
		globs[i].targets |= bit
	}
	return globs
}

func (s *selection) namesPorts() bool { return len(s.ports) > 0 }

// consts are the values of select.h's constants.
func (s *selection) consts(haveIncludes bool) map[string]any {
	return map[string]any{
		"any_port": s.anyPort, "any_exe": s.anyExe, "any_pid": s.anyPID, "any_cgroup": s.anyCgroup,
		"have_includes": haveIncludes,
		"exe_globs":     uint32(len(s.exes)), "cgroup_globs": uint32(len(s.cgroups)),
	}
}

// mayObserve reports whether connections of a process may be observed, as far as
// the path of its executable says.
func (s *selection) mayObserve(exe string) bool {
	matched := s.anyExe
	for _, g := range s.exes {
		if globMatch(g.pattern, exe) {
			matched |= g.targets
		}
	}
	return (s.includes == 0 || matched&s.includes != 0) && matched&s.exeExcludes == 0
}

// globRecord is struct glob.
type globRecord struct {
	Text    [MaxGlob + 1]byte
	Targets uint64
}

// fill writes the tables. It comes before the hooks that read them attach,
// except for what happens on the host meanwhile: fillLive.
func (s *selection) fill(maps map[string]*ebpf.Map) error {
	for port, targets := range s.ports {
		if err := maps["ports"].Put(uint32(port), targets); err != nil {
			return fmt.Errorf("filling the ports: %w", err)
		}
	}
	for i, g := range append(slices.Clone(s.exes), s.cgroups...) {
		r := globRecord{Targets: g.targets}
		copy(r.Text[:MaxGlob], g.pattern)
		if err := maps["globs"].Put(uint32(i), r); err != nil {
			return fmt.Errorf("filling the globs: %w", err)
		}
	}
	return nil
}

// fillLive enters the processes and cgroups that exist, after the hooks that see
// new ones have attached, so that none falls between.
func (s *selection) fillLive(maps map[string]*ebpf.Map) error {
	if err := s.fillProcesses(maps["procs"], "/proc"); err != nil {
		return err
	}
	if len(s.cgroups) == 0 {
		return nil
	}
	root, err := cgroupRoot()
	if err != nil {
		return err
	}
	return s.fillCgroups(maps["cgroups"], root)
}

// procRecord is struct proc.
type procRecord struct {
	Inherited, Targets uint64
	Known, Announced   uint32
}

func (s *selection) fillProcesses(procs *ebpf.Map, dir string) error {
	if len(s.pids) == 0 {
		return nil
	}
	for range 2 { // again, for children of processes entered late in the first round
		for pid, targets := range s.inherited(parents(dir)) {
			if err := procs.Put(pid, procRecord{Inherited: targets}); err != nil {
				return fmt.Errorf("filling the processes: %w", err)
			}
		}
	}
	return nil
}

// inherited gives every process the targets that name it or an ancestor.
func (s *selection) inherited(parent map[uint32]uint32) map[uint32]uint64 {
	found := make(map[uint32]uint64)
	for pid := range parent {
		var targets uint64
		at := pid
		for range 64 { // deeper than process trees are; a bound against a torn reading of /proc
			targets |= s.pids[at]
			if at == 0 {
				break
			}
			at = parent[at]
		}
		if targets != 0 {
			found[pid] = targets
		}
	}
	return found
}

// parents reads every process' parent.
func parents(dir string) map[uint32]uint32 {
	parent := make(map[uint32]uint32)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		pid, err := strconv.ParseUint(e.Name(), 10, 32)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(dir, e.Name(), "stat"))
		if err != nil {
			continue // it has exited
		}
		// "pid (comm) state ppid ...": comm may hold anything, also parentheses.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		ppid, _ := strconv.ParseUint(fields[1], 10, 32)
		parent[uint32(pid)] = uint32(ppid)
	}
	return parent
}

// cgroupRoot is where the cgroup v2 hierarchy is mounted.
func cgroupRoot() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", fmt.Errorf("looking for the cgroup v2 hierarchy: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1], nil
		}
	}
	return "", fmt.Errorf("targets name cgroups, but no cgroup v2 hierarchy is mounted here")
}

func (s *selection) fillCgroups(cgroups *ebpf.Map, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // it went away meanwhile
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		name := strings.TrimPrefix(path, strings.TrimSuffix(root, "/"))
		if name == "" {
			name = "/"
		}
		var targets uint64
		for _, g := range s.cgroups {
			if globMatch(g.pattern, name) {
				targets |= g.targets
			}
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if targets == 0 || !ok {
			return nil
		}
		if err := cgroups.Put(stat.Ino, targets); err != nil { // the id of a cgroup is its inode
			return fmt.Errorf("filling the cgroups: %w", err)
		}
		return nil
	})
}
