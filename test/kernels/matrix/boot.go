package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// machines says how qemu emulates each architecture. One CPU, and no cmpxchg16b:
// with more of either qemu 7.2 breaks the guest now and then. Linux 7 allocates
// socket storage with cmpxchg16b or from debugged slabs: hence slab_debug.
var machines = map[string][]string{
	"amd64": {"qemu-system-x86_64", "-cpu", "max,-cx16", "-append", "console=ttyS0 slab_debug=F " + cmdline},
	"arm64": {"qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "cortex-a72", "-append", "console=ttyAMA0 " + cmdline},
}

const cmdline = "panic=-1 quiet rdinit=/init"

// boot runs a guest to its end and shows its console. It returns what the test
// says of the forms of the hooks, and fails unless the test passed.
func boot(arch, image, initrd string, timeout time.Duration) (forms []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	m := machines[arch]
	cmd := exec.CommandContext(ctx, m[0], append(m[1:], "-accel", "tcg", "-smp", "1", "-m", "1024",
		"-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", image, "-initrd", initrd)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	code, test := "", ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := strings.TrimRight(lines.Text(), "\r")
		if rest, ok := strings.CutPrefix(line, "KTEST-EXIT code="); ok {
			code = rest
			continue
		}
		fmt.Println(" ", line)
		if rest, ok := strings.CutPrefix(line, "=== RUN   TestForms/"); ok {
			test, _, _ = strings.Cut(rest, "/")
		}
		if _, form, ok := strings.Cut(line, " form: "); ok {
			forms = append(forms, test+": "+form)
		}
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return forms, fmt.Errorf("no end after %s", timeout)
	case code == "0":
		return forms, nil
	case code != "":
		return forms, errors.New("the tests failed")
	}
	return forms, fmt.Errorf("the guest ended without a word: %w", err)
}
