package probe

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingCapabilities(t *testing.T) {
	require.NoError(t, missingCapabilities(1<<capSysAdmin))
	require.NoError(t, missingCapabilities(1<<capBPF|1<<capPerfmon))
	require.ErrorContains(t, missingCapabilities(1<<capBPF), "lacks CAP_PERFMON;")
	require.ErrorContains(t, missingCapabilities(0), "lacks CAP_BPF and CAP_PERFMON;")
}

func TestKernelWithoutBTF(t *testing.T) {
	defer func(was string) { vmlinux = was }(vmlinux)
	vmlinux = filepath.Join(t.TempDir(), "vmlinux")
	require.ErrorContains(t, checkBTF(), "this kernel has no BTF")
}

func TestTooOld(t *testing.T) {
	require.ErrorContains(t, tooOld(errors.New("Arg#0 type PTR in classify() is not supported yet")), "the oldest kernel tested is 6.1")
	require.ErrorContains(t, tooOld(errors.New("creating the maps: map tls_calls: map create: invalid argument")), "the oldest kernel tested is 6.1")
	require.NoError(t, tooOld(errors.New("operation not permitted")))
}

func TestSelection(t *testing.T) {
	s, err := newSelection(
		[]Target{
			{Ports: []PortRange{{80, 81}}},
			{Executables: []string{"*/nginx"}, Ports: []PortRange{{81, 81}}},
			{Cgroups: []string{"/a*"}},
		},
		[]Target{{PIDs: []uint32{7}, Executables: []string{"*/nginx"}}},
	)
	require.NoError(t, err)
	const excluded = 1 << MaxTargets
	require.Equal(t, uint64(0b001), s.ports[80])
	require.Equal(t, uint64(0b011), s.ports[81])
	require.Equal(t, uint64(excluded|0b100), s.anyPort)
	require.Equal(t, []glob{{"*/nginx", excluded | 0b010}}, s.exes)
	require.Equal(t, []glob{{"/a*", 0b100}}, s.cgroups)
	require.Equal(t, map[uint32]uint64{7: excluded}, s.pids)

	s, err = newSelection(nil, nil)
	require.NoError(t, err)
	require.Zero(t, s.anyPort, "no bit excludes")
	require.Equal(t, ^uint64(0), s.anyCgroup, "nobody asks for the cgroup")

	_, err = newSelection(make([]Target, MaxTargets+1), nil)
	require.Error(t, err)
}

func TestMayObserve(t *testing.T) {
	nginx, some := Target{Executables: []string{"*/nginx"}}, Target{Executables: []string{"*/nginx"}, PIDs: []uint32{7}}
	for _, c := range []struct {
		include, exclude []Target
		nginx, other     bool
	}{
		{nil, nil, true, true},
		{[]Target{nginx}, nil, true, false},
		{[]Target{some, {PIDs: []uint32{8}}}, nil, true, true},
		{nil, []Target{nginx}, false, true},
		{nil, []Target{some}, true, true},
		{[]Target{{Executables: []string{"/usr/*"}}}, []Target{nginx}, false, true},
	} {
		s, err := newSelection(c.include, c.exclude)
		require.NoError(t, err)
		require.Equal(t, c.nginx, s.mayObserve("/usr/sbin/nginx"), c)
		require.Equal(t, c.other, s.mayObserve("/usr/bin/curl"), c)
	}
}

func TestInherited(t *testing.T) {
	s, err := newSelection([]Target{{PIDs: []uint32{10}}, {PIDs: []uint32{12}}}, nil)
	require.NoError(t, err)
	require.Equal(t, map[uint32]uint64{10: 1, 11: 1, 12: 3, 13: 3},
		s.inherited(map[uint32]uint32{1: 0, 10: 1, 11: 10, 12: 11, 13: 12, 20: 1, 30: 31, 31: 30}))
}

func TestParents(t *testing.T) {
	dir := t.TempDir()
	for pid, stat := range map[string]string{
		"10": "10 (a (b) c) S 1 10 10", "11": "11 (x) R 10", "12": "torn", "self": "1 (x) R 1",
	} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, pid), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, pid, "stat"), []byte(stat), 0o644))
	}
	require.Equal(t, map[uint32]uint32{10: 1, 11: 10}, parents(dir))
}

func TestProgramKind(t *testing.T) {
	require.Equal(t, "tp", programKind("send_start_tp"))
	require.Equal(t, "kretprobe", programKind("recv_kretprobe"))
	require.True(t, hasKprobe([]string{"recv_start_kprobe", "recv_kretprobe"}))
	require.False(t, hasKprobe([]string{"recv_tp"}))
}

// TestHooksNameTheirPrograms holds the table against the objects.
func TestHooksNameTheirPrograms(t *testing.T) {
	l := &loader{}
	require.NoError(t, l.readObjects())
	used := map[string]bool{"listeners_iter": true, "inventory_iter": true, "health_iter": true, "library_call": true}
	for _, h := range hooks {
		for _, form := range h.forms {
			for _, name := range form {
				require.Contains(t, l.specs[h.object].Programs, name)
				used[name] = true
			}
		}
	}
	for name, tail := range tails {
		require.True(t, used[name], name)
		require.True(t, used[tail.caller], tail.caller)
		require.Contains(t, l.specs[tcp].Maps, tail.table)
	}
	for _, spec := range l.specs {
		for name := range spec.Programs {
			require.True(t, used[name] || spec.Programs[name].SectionName == ".text", "no form uses %s", name)
		}
	}
}
