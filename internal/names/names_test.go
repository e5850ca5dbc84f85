package names

import (
	"encoding/binary"
	"fmt"
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
	ask := func(kind string, start, end time.Duration, answered bool) {
		table.Asked(1, Question{Name: "a.test", Type: kind, Start: start * ms, End: end * ms, Answered: answered})
	}
	waited := func(connect, want time.Duration) {
		t.Helper()
		if d, _ := table.Waited(1, a, connect*ms); d != want*ms {
			t.Errorf("%v before %v ms, want %v ms", d, int64(connect), int64(want))
		}
	}
	waited(100, 0)
	table.Learn(1, a, Lookup{Name: "a.test", End: 140 * ms}, 0) // the answers expire, which does not matter

	ask("A", 100, 140, true)
	waited(300, 0) // something else came between
	waited(139, 0)
	waited(141, 40)
	waited(142, 0) // the first connection has paid

	ask("A", 1000, 2000, false) // asked again
	ask("A", 2000, 2020, true)
	ask("AAAA", 1001, 2001, false)
	ask("AAAA", 2001, 2101, true)
	waited(2102, 1101)

	ask("A", 3000, 3040, true)
	ask("AAAA", 3000, 3900, true)
	waited(3041, 40) // it did not wait for the other kind

	for i := range time.Duration(5) { // at once, each for its own connection
		ask("A", 5000+i, 5200+i, true)
	}
	for range 5 {
		waited(5210, 200)
	}
	waited(5211, 0)

	table.Learn(1, a, Lookup{Name: "b.test", End: 6000 * ms}, time.Hour) // another name of the address
	ask("A", 6000, 6050, true)
	waited(6051, 50)
}

func TestAskedIsBounded(t *testing.T) {
	table := New(10)
	for i := range 100 {
		for j := range 100 {
			table.Asked(uint32(i), Question{Name: "b.test", Start: time.Duration(j), End: time.Duration(j), Answered: true})
		}
		if n := len(table.asked[uint32(i)]["b.test"]); n > maxAsked {
			t.Errorf("%d questions", n)
		}
	}
	if table.nAsked > 10 {
		t.Errorf("%d names", table.nAsked)
	}
	for i := range 100 {
		table.Forget(uint32(i))
	}
	if table.nAsked != 0 || len(table.asked) != 0 {
		t.Errorf("%d names are left", table.nAsked)
	}
}

// TestManyNamesAtOnce has a process look up as many names of one address as are
// remembered, and then connect: each connection has waited for one of them.
func TestManyNamesAtOnce(t *testing.T) {
	const ms = time.Millisecond
	table := New(2 * recent)
	for range 2 { // the second time they are known
		for i := range recent {
			name := fmt.Sprintf("%d.test", i)
			table.Learn(1, a, Lookup{Name: name, End: 50 * ms}, time.Hour)
			table.Asked(1, Question{Name: name, Type: "A", Start: 10 * ms, End: 50 * ms, Answered: true})
		}
		for i := range recent {
			if d, _ := table.Waited(1, a, 60*ms); d != 40*ms {
				t.Errorf("connection %d waited %v", i, d)
			}
		}
	}
	if d, ok := table.Waited(1, a, 60*ms); ok {
		t.Errorf("one more waited %v", d)
	}
}
