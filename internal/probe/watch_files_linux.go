package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// A fileID is what tells a file from others: its inode, and the times that tell
// it from one that had the number before. On an overlay a file has the inode
// number of the one below, which is where probes go: the same in all containers
// of an image, whose devices differ. So there the device is left out.
type fileID struct {
	dev, ino, size uint64
	mtime, ctime   syscall.Timespec
}

func identify(f *os.File) (fileID, error) {
	info, err := f.Stat()
	if err != nil {
		return fileID{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return fileID{}, fmt.Errorf("%s is no regular file", f.Name())
	}
	id := fileID{st.Dev, st.Ino, uint64(st.Size), st.Mtim, st.Ctim}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		id.dev = 0
	}
	return id, nil
}

// A watchedFile is a file that was looked at.
type watchedFile struct {
	Library
	links    exe.Linkage // what the dynamic linker loads for it
	resolved fileID      // the linker's cache by which that was looked for last
	probes   io.Closer   // nil: none
	round    uint64      // the last scan that found it in use
	attached time.Time
	standing bool // the system's own: stays, whoever uses it
}

// know returns what is known of a file, and looks into it the first time. An
// error says that it could not be identified.
func (w *Watcher) know(path string, f *os.File) (*watchedFile, error) {
	id, err := identify(f)
	if err != nil {
		return nil, err
	}
	known := w.files[id]
	if known == nil {
		if len(w.files) >= maxFiles {
			return nil, errors.New("too many files")
		}
		known = w.attach(path, f)
		w.files[id] = known
	}
	known.round = w.round
	return known, nil
}

// attach looks into a file and puts probes on what it finds. What goes wrong
// concerns this file only.
func (w *Watcher) attach(path string, f *os.File) *watchedFile {
	known := &watchedFile{Library: Library{Path: path}}
	libraries, err := exe.Find(&interruptible{f, w.done})
	known.Err = worthTelling(err)
	known.links, _ = exe.Linked(f)
	if len(libraries) > 0 {
		known.describe(libraries)
		probes, err := w.c.Attach(path, f, libraries)
		known.probes, known.attached = probes, time.Now()
		known.Err = errors.Join(known.Err, err)
	}
	w.report(known)
	return known
}

// interruptible is a file that cannot be read any more when done is closed: a
// large one takes long to look through, and an end must not wait for it.
type interruptible struct {
	io.ReaderAt
	done <-chan struct{}
}

func (r *interruptible) ReadAt(p []byte, at int64) (int, error) {
	select {
	case <-r.done:
		return 0, os.ErrClosed
	default:
		return r.ReaderAt.ReadAt(p, at)
	}
}

func (f *watchedFile) describe(libraries []exe.Library) {
	var names []string
	for _, l := range libraries {
		names = append(names, strings.TrimSpace(l.Kind.String()+" "+l.Version))
		for _, fn := range l.Functions {
			points := append(slices.Clone(fn.Exits), fn.Entry)
			if fn.Return.Offset != 0 {
				points = append(points, fn.Return)
			}
			for _, p := range points {
				f.Points++
				if p.Emulated {
					f.Emulated++
				}
			}
		}
	}
	f.Names = strings.Join(names, ", ")
}

func (f *watchedFile) detach() error {
	if f.probes == nil {
		return nil
	}
	err := f.probes.Close()
	f.probes = nil
	return err
}

// worthTelling leaves out what most files are: not of a TLS library.
func worthTelling(err error) error {
	for _, usual := range []error{exe.ErrNotELF, exe.ErrArch, exe.ErrNoSymbols, exe.ErrNoTLS} {
		if errors.Is(err, usual) {
			return nil
		}
	}
	return err
}

func (w *Watcher) report(f *watchedFile) {
	if now := time.Now(); f.Err != nil && w.c.Report != nil && now.Sub(w.last) >= reportInterval {
		w.last = now
		w.c.Report(f.Library)
	}
}

// forget drops what no process used in the last scan.
func (w *Watcher) forget() {
	for m, f := range w.mapped {
		if f.round != w.round {
			delete(w.mapped, m)
		}
	}
	for id, f := range w.files {
		justAttached := time.Since(f.attached) < w.c.Interval/2 // and perhaps not mapped yet
		if f.round == w.round || f.standing || justAttached {
			continue
		}
		_ = f.detach() // what is left of a probe that cannot be removed, goes with this process
		delete(w.files, id)
	}
}

// errHidden says what to do for the processes of others to be looked at.
var errHidden = errors.New("the files of other users' processes cannot be read, so that of TLS libraries only the system's own are probed for them: " +
	"this process lacks CAP_SYS_PTRACE")

// publish tells what is in use.
func (w *Watcher) publish() {
	var states []Library
	for _, f := range w.files {
		if f.Points > 0 || f.Err != nil {
			states = append(states, f.Library)
		}
	}
	slices.SortFunc(states, func(a, b Library) int { return strings.Compare(a.Path, b.Path) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states = states
}
