// Package apps holds small HTTP programs for the end-to-end tests: a server and
// clients that count what they did, as the ground truth the spans are held
// against. A test binary runs them as processes of their own: Main.
package apps

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// Env names the environment variable that makes a binary run an app.
const Env = "EBPF_TEST_APP"

// apps are the programs by name. Each reads its arguments and prints JSON.
var apps = map[string]func(args []string) error{
	"server":   server,
	"client":   client,
	"oldconns": oldConnections,
	"talk":     talk,
	"proxy":    proxy,
	"echo":     echoServer,
	"noise":    noise,
	"dns":      responder,
	"resolve":  resolve,

	"doubleserver": doubleServer,
	"doubleclient": doubleClient,
}

// Register adds a program that only some tests have. Call it before Main.
func Register(name string, app func(args []string) error) { apps[name] = app }

// Main runs the app the environment names and exits, or returns when it names
// none. Call it first in TestMain.
func Main() {
	name := os.Getenv(Env)
	if name == "" {
		return
	}
	app, ok := apps[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no app %q\n", name)
		os.Exit(2)
	}
	if err := app(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Command returns the command that runs an app from this binary.
func Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), Env+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

func printJSON(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
