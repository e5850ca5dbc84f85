//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// enableStats turns on kernel.bpf_stats_enabled until stop is called.
func enableStats() (stop func()) {
	c, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	check(err)
	return func() { _ = c.Close() }
}

type programTime struct {
	runs uint64
	time time.Duration
}

// bpfTime is what each program a process has attached has used.
func bpfTime(pid int) map[string]programTime {
	times := make(map[string]programTime)
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	check(err)
	for _, path := range infos {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, after, ok := strings.Cut(string(text), "\nprog_id:")
		if !ok {
			continue
		}
		var id uint32
		_, err = fmt.Sscan(after, &id)
		check(err)
		p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		check(err)
		info, err := p.Info()
		check(err)
		s, err := p.Stats()
		check(err)
		times[info.Name] = programTime{s.RunCount, s.Runtime}
		_ = p.Close()
	}
	return times
}
