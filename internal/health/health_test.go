package health

import (
	"slices"
	"testing"
)

func TestBounds(t *testing.T) {
	for name, bounds := range map[string][]float64{"connect": ConnectBounds, "duration": DurationBounds, "rtt": RTTBounds} {
		if len(bounds) > MaxBounds {
			t.Errorf("%s has %d bounds", name, len(bounds))
		}
		if !slices.IsSorted(bounds) {
			t.Errorf("the bounds of %s do not rise", name)
		}
	}
}
