package process

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	procRoot   = "/proc"
	tick       = 10 * time.Millisecond // of the times in /proc, on every architecture that Go knows
	maxCommand = 128                   // bytes of argv[0], as the kernel side copies
)

// Read describes a living process by what /proc says of it, as the kernel side
// would. It is for a process whose description the kernel has not sent. What
// may not be read is unknown; of what is read nothing else is kept.
func Read(pid uint32) (*Info, bool) { return read(procRoot, pid) }

// Lives reports whether the process of an ID has not exited.
func Lives(id ID) bool { return lives(procRoot, id) }

func lives(root string, id ID) bool {
	s, ok := readStat(dirOf(root, id.PID))
	return ok && s.start == id.Start.Truncate(tick)
}

func read(root string, pid uint32) (*Info, bool) {
	dir := dirOf(root, pid)
	s, ok := readStat(dir)
	if !ok {
		return nil, false
	}
	exe, _ := os.Readlink(filepath.Join(dir, "exe"))
	p := &Info{
		ID: ID{PID: pid, Start: s.start}, Parent: s.parent, Comm: s.comm,
		Exe:     strings.TrimSuffix(exe, " (deleted)"),
		Command: readCommand(dir),
		Cgroup:  readCgroup(dir),
	}
	environment, _ := os.ReadFile(filepath.Join(dir, "environ"))
	for variable := range strings.SplitSeq(string(environment), "\x00") {
		p.Declare(variable)
	}
	return p, true
}

func dirOf(root string, pid uint32) string {
	return filepath.Join(root, strconv.FormatUint(uint64(pid), 10))
}

// stat is what we read of /proc/PID/stat.
type stat struct {
	comm   string
	parent uint32
	start  time.Duration // since boot, in whole ticks
}

// readStat fails for a process that has exited, also while its parent has not
// taken note of that.
//
// Source: proc_pid_stat(5).
func readStat(dir string) (stat, bool) {
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	open, shut := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if err != nil || open < 0 || shut < open {
		return stat{}, false
	}
	fields := strings.Fields(string(text[shut+1:])) // from the third on
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return stat{}, false
	}
	parent, _ := strconv.ParseUint(fields[1], 10, 32)
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	return stat{string(text[open+1 : shut]), uint32(parent), time.Duration(ticks) * tick}, err == nil
}

// readCommand returns argv[0]. The arguments behind it may be secrets.
func readCommand(dir string) string {
	f, err := os.Open(filepath.Join(dir, "cmdline"))
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, maxCommand-1))
	command, _, _ := strings.Cut(string(text), "\x00")
	return command
}

// readCgroup returns the path in the v2 hierarchy, else in a v1 one.
func readCgroup(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
	for line := range strings.Lines(string(text)) {
		v2, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if ok && v2 != "/" {
			return v2
		}
	}
	return longestCgroup(string(text))
}
