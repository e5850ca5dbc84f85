package names

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

var a, b = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")

func lookup(name string, end time.Duration) Lookup {
	return Lookup{Name: name, Start: end - 1, End: end, Thread: 7}
}

func check(t *testing.T, table *Table, pid uint32, addr netip.Addr, at time.Duration, want string) {
	t.Helper()
	if l, ok := table.Of(pid, addr, at); l.Name != want || ok != (want != "") {
		t.Errorf("process %d calls %v %q at %v, want %q", pid, addr, l.Name, at, want)
	}
}

func TestOf(t *testing.T) {
	table := New(10)
	table.Learn(1, a, lookup("a.test", 10*time.Second), 5*time.Second)
	check(t, table, 1, a, 9*time.Second, "") // before it was known
	check(t, table, 1, a, 10*time.Second, "a.test")
	check(t, table, 1, a, 15*time.Second-1, "a.test")
	check(t, table, 1, a, 15*time.Second, "")
	if name := table.Last(1, a); name != "a.test" {
		t.Errorf("the last name is %q", name)
	}
	check(t, table, 1, b, 12*time.Second, "")
	check(t, table, 2, a, 12*time.Second, "")
	check(t, table, 1, netip.MustParseAddr("::ffff:10.0.0.1"), 12*time.Second, "a.test")

	table.Learn(1, a, lookup("other.test", 12*time.Second), 5*time.Second)
	check(t, table, 1, a, 13*time.Second, "other.test")
	table.Forget(1)
	check(t, table, 1, a, 13*time.Second, "")
	table.Forget(1)
	if table.Len() != 0 {
		t.Errorf("%d are left", table.Len())
	}
}

func TestTTL(t *testing.T) {
	table := New(10)
	table.Learn(1, a, lookup("zero.test", 0), 0)
	check(t, table, 1, a, time.Second-1, "zero.test")
	check(t, table, 1, a, time.Second, "")
	table.Learn(1, a, lookup("ever.test", 0), 1<<31*time.Second)
	check(t, table, 1, a, 24*time.Hour-1, "ever.test")
	check(t, table, 1, a, 24*time.Hour, "")
}

func TestBound(t *testing.T) {
	const most = 64
	table := New(most)
	addr := func(i int) netip.Addr {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i))
		return netip.AddrFrom4(b)
	}
	for i := range 10 * most {
		table.Learn(uint32(i%3), addr(i), lookup("x.test", time.Duration(i)), time.Hour)
		if table.Len() > most {
			t.Fatalf("%d are kept", table.Len())
		}
		check(t, table, uint32(i%3), addr(i), time.Duration(i), "x.test")
	}
	n := 0
	for pid := range uint32(3) {
		n += len(table.procs[pid])
	}
	if n != table.Len() || n < most*3/4 {
		t.Errorf("%d are kept, %d counted", n, table.Len())
	}
	check(t, table, 0, addr(0), 0, "") // the oldest went
}

func TestWaited(t *testing.T) {
	const ms = time.Millisecond
	table := New(10)
	learn := func(start, end time.Duration) {
		table.Asked(1, "a.test", start, end)
		table.Learn(1, a, Lookup{Name: "a.test", Start: start, End: end}, time.Hour)
	}
	waited := func(connect, want time.Duration) {
		t.Helper()
		if d, _ := table.Waited(1, a, connect); d != want {
			t.Errorf("%v before %v, want %v", d, connect, want)
		}
	}
	waited(100*ms, 0)
	learn(100*ms, 140*ms)
	waited(300*ms, 0) // something else came between
	waited(141*ms, 40*ms)
	waited(142*ms, 0) // the first connection has paid

	table.Asked(1, "a.test", 1000*ms, 2000*ms) // not answered: asked again
	learn(2000*ms, 2020*ms)
	table.Asked(1, "a.test", 2000*ms, 2100*ms) // the other kind of address, later
	waited(2101*ms, 1100*ms)

	learn(9000*ms, 9500*ms)
	table.Asked(1, "a.test", 9000*ms, 9900*ms)
	waited(9501*ms, 501*ms) // it did not wait for the other kind

	for i := range 100 {
		table.Asked(uint32(i), "b.test", 0, ms)
	}
	if table.waiting > 10 {
		t.Errorf("%d waits", table.waiting)
	}
	for i := range 100 {
		table.Forget(uint32(i))
	}
	if table.waiting != 0 || len(table.waits) != 0 {
		t.Errorf("%d waits are left", table.waiting)
	}
}
