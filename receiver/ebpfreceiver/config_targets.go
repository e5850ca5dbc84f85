package ebpfreceiver

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// TargetsConfig selects what is observed: what a target of Include selects, or
// everything if there is none, except what a target of Exclude selects.
type TargetsConfig struct {
	Include Targets `mapstructure:"include"`
	Exclude Targets `mapstructure:"exclude"`
}

// Validate reports more patterns than the kernel side has room for.
func (c *TargetsConfig) Validate() error {
	executables, cgroups := map[Glob]bool{}, map[Glob]bool{}
	for _, t := range slices.Concat(c.Include, c.Exclude) {
		for _, g := range t.Executables {
			executables[g] = true
		}
		for _, g := range t.Cgroups {
			cgroups[g] = true
		}
	}
	if n := len(executables) + len(cgroups); n > probe.MaxGlobs {
		return fmt.Errorf("%d patterns of executables and cgroups are too many; write at most %d, with * in some", n, probe.MaxGlobs)
	}
	return nil
}

// Targets select what any of them selects.
type Targets []Target

// Validate reports more targets than the kernel side has room for.
func (t Targets) Validate() error {
	if len(t) > probe.MaxTargets {
		return fmt.Errorf("%d entries are too many; write at most %d, with several values in one", len(t), probe.MaxTargets)
	}
	return nil
}

func (t Targets) probeTargets() []probe.Target {
	targets := make([]probe.Target, len(t))
	for i := range t {
		targets[i] = t[i].probeTarget()
	}
	return targets
}

// A Target selects what all of its fields select, each by any of its values.
type Target struct {
	Ports       Ports  `mapstructure:"ports"`       // the local port of a server, the remote port of a client
	Executables []Glob `mapstructure:"executables"` // the path of the executable
	PIDs        []PID  `mapstructure:"pids"`        // the process and its descendants
	Cgroups     []Glob `mapstructure:"cgroups"`     // the path of the cgroup
}

// Validate reports a target that would select everything.
func (t *Target) Validate() error {
	if len(t.Ports)+len(t.Executables)+len(t.PIDs)+len(t.Cgroups) == 0 {
		return errors.New("the entry selects nothing; write ports, executables, pids or cgroups, or remove it")
	}
	return nil
}

func (t *Target) probeTarget() probe.Target {
	var p probe.Target
	for _, port := range t.Ports {
		r, _ := portRange(port) // Validate has seen it
		p.Ports = append(p.Ports, r)
	}
	for _, pid := range t.PIDs {
		p.PIDs = append(p.PIDs, uint32(pid))
	}
	p.Executables = texts(t.Executables)
	p.Cgroups = texts(t.Cgroups)
	return p
}

// Ports are TCP ports: numbers, or ranges such as "9000-9010".
type Ports []any

// Validate reports what is not a port or a range.
func (p Ports) Validate() error {
	var wrong []string
	for _, port := range p {
		if _, err := portRange(port); err != nil {
			wrong = append(wrong, quoted(port))
		}
	}
	if wrong != nil {
		return fmt.Errorf("%s is not a port or a range; write 8080 or \"9000-9010\"", strings.Join(wrong, ", "))
	}
	return nil
}

func portRange(port any) (probe.PortRange, error) {
	first, last, isRange := strings.Cut(fmt.Sprint(port), "-")
	if !isRange {
		last = first
	}
	low, err1 := portNumber(first)
	high, err2 := portNumber(last)
	if low > high {
		err1 = strconv.ErrRange
	}
	return probe.PortRange{First: low, Last: high}, errors.Join(err1, err2)
}

func portNumber(text string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return uint16(n), err
}

// quoted returns the value as it would be written in YAML.
func quoted(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(value)
}

// A PID is the number of a process.
type PID int64

// Validate reports a number no process has.
func (p PID) Validate() error {
	if p < 1 || p > math.MaxInt32 {
		return fmt.Errorf("%d is not a process; write the number ps shows, such as 1234", int64(p))
	}
	return nil
}

// A Glob is a pattern of a path: * matches any run of bytes, also with slashes,
// and ? any one byte.
type Glob string

// Validate reports a pattern that cannot match a path.
func (g Glob) Validate() error {
	switch {
	case g == "":
		return errors.New("the pattern is empty; write a path such as /usr/sbin/nginx or */python3*")
	case len(g) > probe.MaxGlob:
		return fmt.Errorf("the pattern has %d bytes, %d are possible; write * for a part of the path", len(g), probe.MaxGlob)
	case !strings.ContainsAny(string(g[:1]), "/*?"):
		return fmt.Errorf("%q matches no absolute path; write %q", string(g), "*/"+string(g))
	case strings.ContainsFunc(string(g), isControl):
		return fmt.Errorf("%q has a control character; write ? in its place", string(g))
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
