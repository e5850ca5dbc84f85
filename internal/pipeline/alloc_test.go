//go:build !race

package pipeline

import "testing"

// TestNoAllocations holds the way of a request to a histogram to no allocation. (A
// span allocates what pdata keeps of it, and the race detector allocates by itself.)
func TestNoAllocations(t *testing.T) {
	x := newExchanges(benchPipeline(false, false).lanes[0].record)
	if n := testing.AllocsPerRun(1000, x.one); n != 0 {
		t.Errorf("%v allocations for one exchange", n)
	}
}
