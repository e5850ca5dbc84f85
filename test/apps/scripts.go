package apps

import (
	"embed"
	"os"
	"os/exec"
	"path"
)

//go:embed scripts
var scripts embed.FS

// interpreters run a script that follows as an argument.
var interpreters = map[string][]string{
	".py": {"python3", "-c"},
	".js": {"node", "-e"},
	".rb": {"ruby", "-e"},
}

// Script returns the command that runs a script of the folder scripts, such as
// "server.py".
func Script(name string, args ...string) *exec.Cmd {
	text, err := scripts.ReadFile("scripts/" + name)
	if err != nil {
		panic(err) // a name no test should write
	}
	run := interpreters[path.Ext(name)]
	cmd := exec.Command(run[0], append([]string{run[1], string(text)}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}
