package probe

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Capabilities the probes need, of which CAP_SYS_ADMIN includes the last two.
const (
	capSysPtrace = 19
	capSysAdmin  = 21
	capPerfmon   = 38
	capBPF       = 39
)

// checkPrivileges names the capabilities this process lacks.
func checkPrivileges() error {
	effective, err := capabilities()
	if err != nil {
		return err
	}
	return missingCapabilities(effective)
}

// capabilities returns the effective ones of this process, a bit each.
func capabilities() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("reading the capabilities of this process: %w", err)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

func missingCapabilities(effective uint64) error {
	has := func(c uint) bool { return effective>>c&1 == 1 }
	if has(capSysAdmin) {
		return nil
	}
	var missing []string
	if !has(capBPF) {
		missing = append(missing, "CAP_BPF")
	}
	if !has(capPerfmon) {
		missing = append(missing, "CAP_PERFMON")
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("this process lacks %s; run the collector as root or grant it (systemd: AmbientCapabilities=CAP_BPF CAP_PERFMON)",
		strings.Join(missing, " and "))
}

// vmlinux is where the kernel shows its types. A variable for tests.
var vmlinux = "/sys/kernel/btf/vmlinux"

// checkBTF says whether the kernel tells its types, which every program needs.
func checkBTF() error {
	if _, err := os.Stat(vmlinux); err != nil {
		return fmt.Errorf("this kernel has no BTF (%w); it must be built with CONFIG_DEBUG_INFO_BTF=y, as the distributions' kernels from 5.10 on are", err)
	}
	return nil
}

// oldAnswers are what kernels before 5.12 say: the verifier to pointers in calls of
// global functions ("Arg#0 type PTR in classify() is not supported yet."), and to
// task storage, which came with 5.11, nothing better.
var oldAnswers = []string{"type PTR in", "map tls_calls: map create: invalid argument"}

// tooOld says in one sentence what the answers of an old kernel mean.
func tooOld(answers error) error {
	means := func(answer string) bool { return strings.Contains(answers.Error(), answer) }
	if !slices.ContainsFunc(oldAnswers, means) {
		return nil
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("asking for the kernel's release: %w", err)
	}
	return fmt.Errorf("kernel %s cannot run the probes: its verifier takes no pointers in calls of global functions, which came with 5.12; the oldest kernel tested is 6.1",
		unix.ByteSliceToString(u.Release[:]))
}

// arguments is how many arguments a kernel function has: it differs by version.
func arguments(cache *btf.Cache, function string) (uint32, error) {
	spec, err := cache.Kernel()
	if err != nil {
		return 0, fmt.Errorf("reading the kernel's types: %w", err)
	}
	var f *btf.Func
	if err := spec.TypeByName(function, &f); err != nil {
		return 0, fmt.Errorf("finding %s: %w", function, err)
	}
	proto, ok := f.Type.(*btf.FuncProto)
	if !ok {
		return 0, fmt.Errorf("%s has no prototype", function)
	}
	return uint32(len(proto.Params)), nil
}
