// Command matrix boots several kernels of Debian under qemu, runs the tests of
// test/kernels/guest on each and sums up. Everything it needs of the machine is
// Go, apt, dpkg-deb and qemu; no root, no KVM.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// A kernel is one to test.
type kernel struct {
	series string // "6.1": its newest; "sid": the newest of all
	arch   string
	args   []string // of the guest's test
	also   bool     // only when named
}

func (k kernel) name() string {
	if k.arch == "amd64" {
		return k.series
	}
	return k.series + "/" + k.arch
}

// The forms each kernel is tested with: "any" lets the receiver choose, the
// others force it to what it would take elsewhere.
var kernels = []kernel{
	{series: "5.10", arch: "amd64", args: []string{"-refused=cannot run the probes"}},
	{series: "6.1", arch: "amd64", args: []string{"-forms=any,kprobe+kretprobe"}},
	{series: "6.12", arch: "amd64", args: []string{"-forms=any,tp,fentry+fexit,kprobe+kretprobe,tp+kprobe"}},
	{series: "sid", arch: "amd64", args: []string{"-forms=any,fentry+fexit"}},
	{series: "6.1", arch: "arm64", args: []string{"-forms=any", "-test.skip=TestPrivileges"}, also: true}, // kprobes
	{series: "6.12", arch: "arm64", args: []string{"-forms=any"}, also: true},
}

var (
	run     = flag.String("run", "", "run only the tests that match, as go test -run")
	only    = flag.String("forms", "", "test with these forms instead of each kernel's own")
	timeout = flag.Duration("timeout", 10*time.Minute, "for each kernel")
)

func main() {
	flag.Parse()
	passed, failed := 0, 0
	var table []string
	for _, k := range chosen(flag.Args()) {
		begin := time.Now()
		release, forms, err := test(k)
		table = append(table, forms...)
		took := time.Since(begin).Round(time.Second)
		if err != nil {
			failed++
			fmt.Printf("FAIL %s %s (%s) %v\n\n", k.name(), release, took, err)
			continue
		}
		passed++
		fmt.Printf("PASS %s %s (%s)\n\n", k.name(), release, took)
	}
	fmt.Println("which form each hook took:")
	for _, line := range table {
		fmt.Println(" ", line)
	}
	fmt.Printf("kernels: %d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

// chosen returns the kernels the arguments name, or all that need no naming.
func chosen(names []string) []kernel {
	var list []kernel
	for _, k := range kernels {
		if slices.Contains(names, k.name()) || len(names) == 0 && !k.also {
			list = append(list, k)
		}
	}
	return list
}

// test boots one kernel and returns its release and the forms of its hooks.
func test(k kernel) (found string, forms []string, err error) {
	cache, err := filepath.Abs(".cache/kernels")
	if err != nil {
		return "", nil, err
	}
	a, err := openArchive(cache, k.arch)
	if err != nil {
		return "", nil, err
	}
	pkg, err := a.newest(k.series)
	if err != nil {
		return "", nil, err
	}
	image, err := a.image(cache, pkg)
	if err != nil {
		return "", nil, err
	}
	args := k.args
	if *only != "" {
		args = append(args, "-forms="+*only)
	}
	if *run != "" {
		args = append(args, "-test.run="+*run)
	}
	initrd := filepath.Join(cache, "initrd-"+k.arch)
	if err := makeInitrd(initrd, k.arch, args); err != nil {
		return release(pkg), nil, err
	}
	fmt.Printf("==== %s: %s\n", k.name(), release(pkg))
	forms, err = boot(k.arch, image, initrd, *timeout)
	for i := range forms {
		forms[i] = k.name() + " " + forms[i]
	}
	return release(pkg), forms, err
}

// makeInitrd builds the guest's two programs and packs them.
func makeInitrd(path, arch string, args []string) error {
	dir, err := os.MkdirTemp("", "kernels-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files := []file{{name: "args", mode: 0o100644}}
	for _, a := range append([]string{"-test.v", "-test.timeout=9m", "-tolerance=30ms", "-late=30ms"}, args...) {
		files[0].data = append(files[0].data, a+"\n"...)
	}
	for name, command := range map[string][]string{
		"init": {"go", "build", "-ldflags=-s -w", "-o"},
		"test": {"go", "test", "-c", "-ldflags=-s -w", "-o"},
	} {
		out := filepath.Join(dir, name)
		pkg := map[string]string{"init": "./test/kernels/init", "test": "./test/kernels/guest"}[name]
		cmd := exec.Command(command[0], append(command[1:], out, pkg)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", pkg, err, text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			return err
		}
		files = append(files, file{name: name, mode: 0o100755, data: data})
	}
	return writeInitrd(path, files)
}
