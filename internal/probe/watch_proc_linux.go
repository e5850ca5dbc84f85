package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// A mapping is a file as /proc/PID/maps names it. As long as it is mapped, no other
// file has its inode.
type mapping struct{ dev, inode, path string }

const (
	maxMaps    = 4 << 20 // bytes of /proc/PID/maps
	maxClosure = 256     // libraries that one executable needs
)

// scan looks at all processes, and removes the probes from files that none uses.
func (w *Watcher) scan() {
	w.round++
	w.hidden = false
	w.standing()
	entries, err := os.ReadDir(w.c.proc)
	if err != nil {
		return // and nothing is forgotten
	}
	for _, e := range entries {
		if pid, err := strconv.ParseUint(e.Name(), 10, 32); err == nil {
			w.look(uint32(pid))
		}
	}
	w.forget()
	w.publish()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.outside = nil; w.hidden && lacksPtrace() {
		w.outside = errHidden
	}
}

// lacksPtrace tells what the mend is: a sandbox may hide processes from root, too.
func lacksPtrace() bool {
	effective, err := capabilities()
	return err == nil && effective>>capSysPtrace&1 == 0
}

// dir returns a process' directory and the path of its executable; "" for one
// that is not looked at.
func (w *Watcher) dir(pid uint32) (dir, path string) {
	name := strconv.FormatUint(uint64(pid), 10)
	if name == w.self {
		return "", ""
	}
	dir = filepath.Join(w.c.proc, name)
	path, err := os.Readlink(dir + "/exe")
	if !w.hidden && errors.Is(err, fs.ErrPermission) {
		command, _ := os.ReadFile(dir + "/cmdline") // anybody may; a thread of the kernel has none
		w.hidden = len(command) > 0
	}
	path = strings.TrimSuffix(path, " (deleted)")
	if err != nil || w.c.Wanted != nil && !w.c.Wanted(path) {
		return "", "" // a thread of the kernel, or it has exited
	}
	return dir, path
}

// look knows the files whose code a process has mapped.
func (w *Watcher) look(pid uint32) {
	dir, _ := w.dir(pid)
	if dir == "" {
		return
	}
	f, err := os.Open(dir + "/maps")
	if err != nil {
		return
	}
	defer f.Close()
	maps, _ := io.ReadAll(io.LimitReader(f, maxMaps)) // an error means that it has exited
	for line := range bytes.Lines(maps) {
		m, at, ok := parseMapping(line)
		if !ok {
			continue
		}
		if known := w.mapped[m]; known != nil {
			known.round = w.round
			continue
		}
		if len(w.mapped) < maxFiles {
			w.open(dir, m, at)
		}
	}
}

// open opens a mapped file and knows it from then on.
func (w *Watcher) open(dir string, m mapping, at string) {
	f, err := openMapped(dir, m, at)
	if err != nil {
		return // replaced and out of reach; or the process has exited
	}
	defer f.Close()
	if known, err := w.know(m.path, f); err == nil {
		w.mapped[m] = known
	}
}

// parseMapping parses a line of /proc/PID/maps that is of a file's code.
//
// Source: proc_pid_maps(5).
func parseMapping(line []byte) (m mapping, at string, ok bool) {
	fields := bytes.SplitN(line, []byte(" "), 6)
	if len(fields) < 6 || len(fields[1]) < 3 || fields[1][2] != 'x' || len(fields[4]) == 0 || fields[4][0] == '0' {
		return mapping{}, "", false
	}
	path := strings.TrimSuffix(strings.TrimLeft(string(fields[5]), " "), "\n")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/memfd:") || strings.HasPrefix(path, "/dev/") {
		return mapping{}, "", false
	}
	return mapping{string(fields[3]), string(fields[4]), path}, string(fields[0]), true
}

// openMapped opens the file that a process has mapped, and no other that is at
// its path now. /proc/PID/map_files is exact, but not for everybody.
func openMapped(dir string, m mapping, at string) (*os.File, error) {
	f, err := openBelow(dir+"/root", m.path)
	if err == nil {
		if id, err := identify(f); err == nil && strconv.FormatUint(id.ino, 10) == m.inode {
			return f, nil
		}
		_ = f.Close()
	}
	from, to, _ := strings.Cut(at, "-")
	f, err = os.Open(filepath.Join(dir, "map_files", strings.TrimLeft(from, "0")+"-"+strings.TrimLeft(to, "0")))
	if err != nil {
		return nil, fmt.Errorf("opening what is mapped of %s: %w", m.path, err)
	}
	return f, nil
}

// needed knows the libraries that the dynamic linker will load for a process'
// executable, as far as files and the linker's cache of its root say where they are.
func (w *Watcher) needed(pid uint32) {
	dir, path := w.dir(pid)
	if dir == "" {
		return
	}
	f, err := os.Open(dir + "/exe")
	if err != nil {
		return
	}
	defer f.Close()
	program, err := w.know(path, f)
	if err != nil || len(program.links.Needed) == 0 {
		return
	}
	root := dir + "/root"
	paths, of := w.linkerCache(root)
	if program.resolved == of {
		return
	}
	program.resolved = of
	todo, done := []*watchedFile{program}, make(map[string]bool)
	for ; len(todo) > 0; todo = todo[1:] {
		for _, name := range todo[0].links.Needed {
			if done[name] || len(done) >= maxClosure {
				continue
			}
			done[name] = true
			if library := w.linked(root, todo[0], name, paths); library != nil {
				todo = append(todo, library)
			}
		}
	}
}

// linked knows a library that a file needs; nil if it is where nobody says.
func (w *Watcher) linked(root string, by *watchedFile, name string, cache map[string]string) *watchedFile {
	for _, path := range by.links.Places(name, filepath.Dir(by.Path)) {
		if library := w.library(root, path); library != nil {
			return library
		}
	}
	return w.library(root, cache[name])
}

// library knows a library by its path below a root; nil if that cannot be.
func (w *Watcher) library(root, path string) *watchedFile {
	if path == "" {
		return nil
	}
	f, err := openBelow(root, path)
	if err != nil {
		return nil
	}
	defer f.Close()
	known, err := w.know(path, f)
	if err != nil {
		return nil
	}
	return known
}

// standing knows the libraries of the system before anybody uses them, so that
// the first connection of a process that does is seen.
func (w *Watcher) standing() {
	for _, f := range w.files {
		f.standing = false
	}
	paths, _ := w.linkerCache(w.c.root)
	for name, path := range paths {
		if strings.HasPrefix(name, "libssl.so.") || strings.HasPrefix(name, "libgnutls.so.") {
			if known := w.library(w.c.root, path); known != nil {
				known.standing = true
			}
		}
	}
}

// linkerCache returns what the dynamic linker knows below a root, and the file
// that says so.
func (w *Watcher) linkerCache(root string) (map[string]string, fileID) {
	f, err := openBelow(root, "/etc/ld.so.cache")
	if err != nil {
		return nil, fileID{}
	}
	defer f.Close()
	id, err := identify(f)
	if err != nil {
		return nil, fileID{}
	}
	if w.cacheOf != id {
		w.cacheOf = id
		w.cache, _ = exe.LinkerCache(f)
	}
	return w.cache, id
}

// openBelow opens a file by the path it has for processes with a root: links lead
// nowhere else. Who wrote the path is not trusted: a device does things when it is
// opened, and a pipe waits. So it is opened only when it is known to be a file.
func openBelow(root, path string) (*os.File, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", root, err)
	}
	defer unix.Close(dir)
	at, err := unix.Openat2(dir, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, fmt.Errorf("opening %s below %s: %w", path, root, err)
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s below %s is no file", path, root)
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", at), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s below %s: %w", path, root, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
