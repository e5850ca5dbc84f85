package exe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The cache of the dynamic linker: dl-cache.h of glibc, the "new" format, which a
// cache of the old format may hold behind itself.
const (
	cacheMagic = "glibc-ld.so.cache1.1"
	oldMagic   = "ld.so-1.7.0\x00"
	maxCache   = 16 << 20 // bytes
)

var errCache = errors.New("not a cache of the dynamic linker")

// LinkerCache returns the paths of libraries by their names, as /etc/ld.so.cache
// has them. Of several with one name the first is meant.
func LinkerCache(r io.Reader) (map[string]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxCache))
	if err != nil {
		return nil, fmt.Errorf("reading the linker's cache: %w", err)
	}
	if len(b) >= 16 && string(b[:12]) == oldMagic {
		n := 16 + 12*uint64(binary.LittleEndian.Uint32(b[12:]))
		n = (n + 7) &^ 7
		b = b[min(n, uint64(len(b))):]
	}
	if len(b) < 48 || string(b[:20]) != cacheMagic {
		return nil, errCache
	}
	paths := make(map[string]string)
	entries := b[48:]
	for range binary.LittleEndian.Uint32(b[20:]) {
		if len(entries) < 24 {
			return nil, errCache
		}
		name := text(b, uint64(binary.LittleEndian.Uint32(entries[4:])))
		if path := text(b, uint64(binary.LittleEndian.Uint32(entries[8:]))); paths[name] == "" && path != "" {
			paths[name] = path
		}
		entries = entries[24:]
	}
	return paths, nil
}
