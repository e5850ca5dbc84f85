package probe

import (
	"os"
	"path/filepath"

	"github.com/edf076de/ebpfreceiver/internal/exe"
)

// firstFiles are probed at the start, until a watcher says which files are in use.
var firstFiles = []string{
	"/usr/lib/*/libssl.so.*", "/usr/lib/*/libgnutls.so.*", "/usr/bin/node", "/proc/self/exe",
}

// attachFirst probes what firstFiles name. What cannot be probed is left out.
func (b *libraries) attachFirst() {
	if b == nil {
		return
	}
	for _, pattern := range firstFiles {
		paths, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, path := range paths {
			b.attachFile(path)
		}
	}
}

func (b *libraries) attachFile(path string) {
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink != 0 && path != "/proc/self/exe" {
		return // the file it leads to has a name of its own
	}
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	found, _ := exe.Find(f) // what could be understood
	for _, lib := range found {
		if c, err := b.attach(path, f, lib); err == nil {
			b.first = append(b.first, c)
		}
	}
}
