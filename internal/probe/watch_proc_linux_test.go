package probe

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestOpenBelow opens files only, by links that stay below the root.
func TestOpenBelow(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "file"), []byte("inside"), 0o600))
	require.NoError(t, os.Symlink("/file", filepath.Join(root, "link")))
	require.NoError(t, unix.Mkfifo(filepath.Join(root, "pipe"), 0o600))
	f, err := openBelow(root, "/link")
	require.NoError(t, err)
	defer f.Close()
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "inside", string(text))
	for _, no := range []string{"/pipe", "/", "/missing"} {
		_, err := openBelow(root, no)
		require.Error(t, err, no)
	}
}
