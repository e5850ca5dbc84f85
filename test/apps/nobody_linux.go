package apps

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Nobody returns the command that runs this binary as nobody, who has no
// capabilities but these. remove removes the copy that it runs: the binary may be
// where nobody comes.
func Nobody(capabilities ...uintptr) (cmd *exec.Cmd, remove func(), err error) {
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path := filepath.Join(dir, "test")
	if err = os.Chmod(dir, 0o755); err == nil {
		err = os.WriteFile(path, exe, 0o755)
	}
	if err != nil {
		remove()
		return nil, nil, fmt.Errorf("copying the binary for nobody: %w", err)
	}
	const nobody = 65534
	cmd = exec.Command(path)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, AmbientCaps: capabilities,
	}
	return cmd, remove, nil
}
