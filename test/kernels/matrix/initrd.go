package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
)

// A file is what an initrd holds under a name.
type file struct {
	name string
	mode uint32
	data []byte
}

// writeInitrd writes a compressed cpio archive in the format "newc" (initramfs
// buffer format in the kernel's documentation).
func writeInitrd(path string, files []file) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(z)
	for i, f := range append(files, file{name: "TRAILER!!!"}) {
		if err := writeEntry(w, i+1, f); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return z.Close()
}

func writeEntry(w io.Writer, inode int, f file) error {
	// magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		inode, f.mode, 0, 0, 1, 0, len(f.data), 0, 0, 0, 0, len(f.name)+1, 0)
	for _, part := range [][]byte{padded([]byte(header + f.name + "\x00")), padded(f.data)} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// padded fills up to a multiple of four.
func padded(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }
