//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/test/apps"
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

// grpcSpeakers are the commands that speak gRPC, by language.
var grpcSpeakers = map[string]func(t testing.TB, args ...string) *exec.Cmd{
	"go": func(t testing.TB, args ...string) *exec.Cmd {
		path, err := grpcGo()
		require.NoError(t, err)
		return exec.Command(path, args...)
	},
	"node": func(_ testing.TB, args ...string) *exec.Cmd {
		return exec.Command("node", append([]string{grpcModule + "/js/grpc.js"}, args...)...)
	},
	// Debian's Python, whose package of gRPC it is.
	"python": func(_ testing.TB, args ...string) *exec.Cmd {
		cmd := apps.Script("rpc.py", args...)
		cmd.Path = "/usr/bin/python3"
		return cmd
	},
}

// An rpc is a call that a client makes: plan.go of the programs.
type rpc struct {
	Method, Kind                           string
	Send, Size, Deadline, Cancel, Metadata int
	Plan                                   rpcPlan
}

type rpcPlan struct {
	Receive, Size, Sleep, Status int
	Turns                        bool
}

// An rpcRecord is what a program knows of a call.
type rpcRecord struct {
	Method, Status  string
	Start, Duration int64
	Sent, Received  int
}

// playRPC lets a client make calls to a server, and returns what both know, by method.
func playRPC(t *testing.T, client, server string, lists [][]rpc, port int) (sent, served map[string]rpcRecord) {
	t.Helper()
	var methods []string
	for _, list := range lists {
		for _, c := range list {
			methods = append(methods, c.Method)
		}
	}
	s := start(t, grpcSpeakers[server](t, append([]string{"server", local(port)}, secrets(apps.EnvCert, apps.EnvKey)...)...))
	require.NoError(t, json.NewEncoder(s.in).Encode(methods))
	s.line(t)
	cmd := grpcSpeakers[client](t, append([]string{"client", local(port)}, secrets(apps.EnvCert)...)...)
	input, err := json.Marshal(lists)
	require.NoError(t, err)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, s.in.Close())
	return rpcRecords(t, json.NewDecoder(bytes.NewReader(out))), rpcRecords(t, json.NewDecoder(s.out))
}

// secrets are the files that the environment names, if it says to speak TLS.
func secrets(names ...string) (files []string) {
	for _, name := range names {
		if file := os.Getenv(name); file != "" {
			files = append(files, file)
		}
	}
	return files
}

func rpcRecords(t *testing.T, d *json.Decoder) map[string]rpcRecord {
	t.Helper()
	var all []rpcRecord
	require.NoError(t, d.Decode(&all))
	records := make(map[string]rpcRecord)
	for _, r := range all {
		require.NotContains(t, records, r.Method)
		records[r.Method] = r
	}
	return records
}
