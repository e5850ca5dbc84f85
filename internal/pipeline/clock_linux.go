package pipeline

import (
	"time"

	"golang.org/x/sys/unix"
)

// hostOffset is CLOCK_REALTIME less CLOCK_MONOTONIC, which the kernel side reads.
func hostOffset() time.Duration {
	var mono unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono); err != nil {
		return 0 // it does not fail for this clock
	}
	return time.Duration(time.Now().UnixNano() - mono.Nano())
}
