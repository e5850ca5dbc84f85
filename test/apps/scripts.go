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
	".py":  {"python3", "-c"},
	".js":  {"node", "-e"},
	".rb":  {"ruby", "-e"},
	".php": {"php", "-r"},
}

// Script returns the command that runs a script of the folder scripts, such as
// "server.py".
func Script(name string, args ...string) *exec.Cmd {
	return ScriptBy(interpreters[path.Ext(name)][0], name, args...)
}

// ScriptBy is Script by another version of the interpreter.
func ScriptBy(interpreter, name string, args ...string) *exec.Cmd {
	text, err := scripts.ReadFile("scripts/" + name)
	if err != nil {
		panic(err) // a name no test should write
	}
	option := interpreters[path.Ext(name)][1]
	cmd := exec.Command(interpreter, append([]string{option, string(text)}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}
