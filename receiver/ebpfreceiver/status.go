package ebpfreceiver

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/edf076de/ebpfreceiver/internal/probe"
)

// A status tells every component that stands for the receiver how it fares.
type status struct {
	mu    sync.Mutex
	hosts []component.Host
	last  *componentstatus.Event
}

// attach adds a host, which learns the last event.
func (s *status) attach(host component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, host)
	if s.last != nil {
		componentstatus.ReportStatus(host, s.last)
	}
}

func (s *status) report(event *componentstatus.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = event
	for _, host := range s.hosts {
		componentstatus.ReportStatus(host, event)
	}
}

const watchInterval = 10 * time.Second

// watch reports when hooks are lost or found again.
func (s *session) watch() {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	before := ""
	for {
		before = s.reportChange(before)
		select {
		case <-ticker.C:
		case <-s.working.Done():
			return
		}
	}
}

// reportChange reports what is missing unless it is as before, and returns it.
func (s *session) reportChange(before string) string {
	err := errors.Join(s.lacks, missing(s.probes.States()))
	now := fmt.Sprint(err)
	switch {
	case now == before, err == nil && before == "": // the Collector says OK after a start
	case err == nil:
		s.status.report(componentstatus.NewEvent(componentstatus.StatusOK))
	default:
		s.log.Warn("observing only in part", zap.Error(err))
		s.status.report(componentstatus.NewRecoverableErrorEvent(err))
	}
	return now
}

// missing says which hooks are not attached, or see only a part, and why.
func missing(states []probe.State) error {
	var errs error
	for _, state := range states {
		switch {
		case state.Form == "":
			errs = errors.Join(errs, fmt.Errorf("hook %s is not attached: %w", state.Hook, state.Err))
		case state.Err != nil:
			errs = errors.Join(errs, fmt.Errorf("hook %s does not see everything: %w", state.Hook, state.Err))
		}
	}
	return errs
}

// forms returns the form of every attached hook.
func forms(states []probe.State) map[string]string {
	forms := map[string]string{}
	for _, state := range states {
		if state.Form != "" {
			forms[state.Hook] = state.Form
		}
	}
	return forms
}
