//go:build !linux

package pipeline

import "time"

// hostClocks has no kernel side to agree with.
func hostClocks() (mono, wall time.Duration) { return 0, 0 }
