package ebpfreceiver

import (
	"runtime/debug"

	"go.opentelemetry.io/collector/component"
)

const module = "github.com/edf076de/ebpfreceiver"

// version returns the version of this module in the running program, or the
// program's own where the module was not built from a release.
func version(program component.BuildInfo) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return program.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == module && dep.Replace == nil {
			return dep.Version
		}
	}
	return program.Version
}
