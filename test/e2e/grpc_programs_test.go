//go:build linux

package e2e

import (
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// grpcModule is where the programs are that need gRPC: a module of its own.
const grpcModule = "../apps/grpc"

// grpcGo builds the program in Go, once.
var grpcGo = sync.OnceValues(func() (path string, err error) {
	path, err = filepath.Abs("../../bin/test-grpc")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = grpcModule
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = &exec.ExitError{ProcessState: cmd.ProcessState, Stderr: out}
	}
	return path, err
})

// h2cServer starts a server in Go that speaks HTTP/2 without TLS.
func h2cServer(t testing.TB, port int) func() map[string]int {
	t.Helper()
	path, err := grpcGo()
	require.NoError(t, err)
	p := start(t, exec.Command(path, "h2c", local(port)))
	p.line(t)
	return func() map[string]int { return p.counts(t) }
}
