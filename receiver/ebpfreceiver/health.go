package ebpfreceiver

import (
	"go.uber.org/zap"

	"github.com/edf076de/ebpfreceiver/internal/health"
)

type readHealth func() ([]health.Series, error)

// logged says when reading begins to fail, and not again while it goes on; the
// pipeline counts every time.
func logged(log *zap.Logger, read readHealth) readHealth {
	failing := false
	return func() ([]health.Series, error) {
		series, err := read()
		if err != nil && !failing {
			log.Warn("the health of connections cannot be read", zap.Error(err))
		}
		failing = err != nil
		return series, err
	}
}
