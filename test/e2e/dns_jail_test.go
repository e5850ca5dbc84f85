//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// A jail is a network and a mount namespace of its own, in which programs ask
// the name servers a test says. The receiver outside sees into it.
type jail struct{ pid string }

// newJail makes one with the lines of a resolv.conf.
func newJail(t testing.TB, conf ...string) *jail {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(conf, "\n")+"\n"), 0o644))
	holder := start(t, exec.Command("unshare", "--net", "--mount", "sh", "-c",
		`ip link set lo up && mount --bind "$0" /etc/resolv.conf && echo ready && exec cat`, path))
	require.Equal(t, "ready", holder.line(t))
	return &jail{strconv.Itoa(holder.cmd.Process.Pid)}
}

// in makes a command one of the jail.
func (j *jail) in(cmd *exec.Cmd) *exec.Cmd {
	path := cmd.Path
	if path == "/proc/self/exe" { // which is another one there
		path, _ = os.Executable()
	}
	inside := exec.Command("nsenter", append([]string{"-t", j.pid, "--net", "--mount", "--", path}, cmd.Args[1:]...)...)
	inside.Env, inside.Stderr = cmd.Env, cmd.Stderr
	return inside
}

// responder starts ours; the function it returns ends it and gives its counts.
func (j *jail) responder(t testing.TB, addr string) (p *program, counts func() map[string]int) {
	t.Helper()
	p = start(t, j.in(apps.Command("dns", addr)))
	require.Equal(t, addr, p.line(t))
	return p, func() map[string]int { return p.counts(t) }
}

// look runs a client to its end.
func (j *jail) look(t testing.TB, cmd *exec.Cmd) (results []apps.LookupResult, pid int64) {
	t.Helper()
	cmd = j.in(cmd)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &results))
	return results, int64(cmd.Process.Pid)
}

// question is how the responder counts what the span tells of.
func (s *Span) question() string {
	name, _ := s.Attrs["dns.question.name"].(string)
	kind, _ := s.Attrs["ebpf.dns.question.type"].(string)
	transport, _ := s.Attrs["network.transport"].(string)
	return name + " " + kind + " " + transport
}

func (s *Span) errorType() string {
	e, _ := s.Attrs["error.type"].(string)
	return e
}

// asked matches the spans of one kind whose name ends so.
func asked(kind ptrace.SpanKind, suffix string) func(*Span) bool {
	return func(s *Span) bool {
		name, _ := s.Attrs["dns.question.name"].(string)
		return s.Kind == kind && strings.HasSuffix(strings.ToLower(name), suffix)
	}
}

func byQuestion(spans []*Span) map[string]int {
	counts := make(map[string]int)
	for _, s := range spans {
		counts[s.question()]++
	}
	return counts
}
