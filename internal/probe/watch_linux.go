package probe

import (
	"cmp"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// An Attach puts probes on a file's libraries, until what it returns is closed.
// The file is closed when it returns; path is for people, and may not lead there.
type Attach func(path string, f *os.File, libraries []exe.Library) (io.Closer, error)

// A Library is a file with a TLS library that processes use, and what became of it.
type Library struct {
	Path     string // as a process sees it
	Names    string // "OpenSSL libssl.so.3"
	Points   int
	Emulated int   // of those: cheap
	Err      error // why nothing, or not everything, is observed
}

// WatchConfig is what a Watcher needs.
type WatchConfig struct {
	Attach Attach
	// Wanted says whether connections of a process may be observed, by the path of its executable. nil: all.
	Wanted func(exe string) bool
	Execs  *Execs // closed by the Watcher; nil: new executables are seen by the next scan
	// Interval is the time between looks at all processes, for libraries loaded late and files no longer used. 0: scanInterval.
	Interval time.Duration
	// Report is told once of each file that cannot be observed, not more often than reportInterval. nil: nobody.
	Report func(Library)

	proc string // "/proc"
	root string // "/": whose libraries are looked at before anybody uses them
}

// Bounds and times of the watch.
const (
	scanInterval   = 30 * time.Second
	secondLook     = time.Second // after an exec: what it loaded by then
	reportInterval = time.Second
	maxFiles       = 8192 // that are known, with a TLS library or without
	maxPending     = 1024 // processes to look at
)

// A Watcher sees to it that the TLS libraries of processes have probes: of those that
// run, of those that start, of what they load later. A file is known by its inode,
// wherever it is mounted; its probes stay while a process maps it.
type Watcher struct {
	c      WatchConfig
	self   string // of /proc: the collector itself is never looked at
	looks  chan uint32
	done   chan struct{}
	ended  sync.WaitGroup
	files  map[fileID]*watchedFile
	mapped map[mapping]*watchedFile
	later  []dueLook
	round  uint64    // counts scans
	last   time.Time // when something was reported

	cacheOf fileID // whose contents cache is
	cache   map[string]string

	hidden bool // a process was, in the scan under way: this one may not look at it

	mu      sync.Mutex // guards what follows
	states  []Library
	outside error // why some processes are not looked at
}

type dueLook struct {
	pid uint32
	at  time.Time
}

// Watch begins to watch. It returns when the running processes have been seen.
func Watch(c WatchConfig) *Watcher {
	w := newWatcher(c)
	w.scan()
	w.ended.Add(1)
	go w.run()
	if c.Execs != nil {
		w.ended.Add(1)
		go w.listen()
	}
	return w
}

func newWatcher(c WatchConfig) *Watcher {
	if c.proc == "" {
		c.proc, c.root = "/proc", "/"
	}
	c.Interval = cmp.Or(c.Interval, scanInterval)
	self, _ := os.Readlink(c.proc + "/self")
	return &Watcher{
		c: c, self: self, looks: make(chan uint32, maxPending), done: make(chan struct{}),
		files: make(map[fileID]*watchedFile), mapped: make(map[mapping]*watchedFile),
	}
}

// Look asks for another look at a process: it seems to use a library that nobody saw.
func (w *Watcher) Look(pid uint32) {
	select {
	case w.looks <- pid:
	default: // the next scan sees it
	}
}

// Libraries returns the files with TLS libraries that are in use.
func (w *Watcher) Libraries() []Library {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states
}

// Outside says why some processes cannot be looked at; nil: all can.
func (w *Watcher) Outside() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outside
}

// Close ends the watch and removes all probes.
func (w *Watcher) Close() error {
	close(w.done)
	var errs []error
	if w.c.Execs != nil {
		errs = append(errs, w.c.Execs.Close())
	}
	w.ended.Wait()
	return errors.Join(append(errs, w.detachAll())...)
}

// detachAll removes all probes at once: the kernel waits for each until no program
// runs any more, and does so for all together.
func (w *Watcher) detachAll() error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, f := range w.files {
		wait.Go(func() {
			err := f.detach()
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// listen takes the execs the kernel tells.
func (w *Watcher) listen() {
	defer w.ended.Done()
	for {
		pid, err := w.c.Execs.Next()
		if err != nil {
			return
		}
		w.Look(pid)
	}
}

func (w *Watcher) run() {
	defer w.ended.Done()
	scans := time.NewTicker(w.c.Interval)
	defer scans.Stop()
	again := time.NewTicker(secondLook)
	defer again.Stop()
	for {
		select {
		case <-w.done:
			return
		case pid := <-w.looks:
			w.first(pid)
		case now := <-again.C:
			w.second(now)
		case <-scans.C:
			w.scan()
		}
	}
}

// first looks at a process, and at the libraries its executable needs: it may not
// have loaded them yet. What it loads otherwise is seen a little later.
func (w *Watcher) first(pid uint32) {
	w.look(pid)
	w.needed(pid)
	if len(w.later) < maxPending {
		w.later = append(w.later, dueLook{pid, time.Now().Add(secondLook)})
	}
	w.publish()
}

func (w *Watcher) second(now time.Time) {
	n := 0
	for ; n < len(w.later) && !w.later[n].at.After(now); n++ {
		w.look(w.later[n].pid)
	}
	if w.later = w.later[n:]; n > 0 {
		w.publish()
	}
}
