package process

import (
	"os"
	"path/filepath"
	"strings"
)

// CgroupV1 returns the longest path of a living process in a cgroup v1
// hierarchy, "" when there is none: containers sit in all or most of them.
func CgroupV1(pid uint32) string {
	text, err := os.ReadFile(filepath.Join(dirOf(procRoot, pid), "cgroup"))
	if err != nil {
		return ""
	}
	return longestCgroup(string(text))
}

// longestCgroup reads lines of "hierarchy:controllers:path" (cgroups(7)).
func longestCgroup(text string) string {
	longest := ""
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) == 3 && fields[2] != "/" && len(fields[2]) > len(longest) {
			longest = fields[2]
		}
	}
	return longest
}
