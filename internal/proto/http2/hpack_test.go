package http2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// read returns the fields of a block as "name: value", "?" for what is unknown.
func read(t *table, block []byte) (all []string, r *reader) {
	t.tidy()
	r = &reader{table: t, rest: block}
	for f := (field{}); r.next(&f); {
		switch {
		case f.unknown:
			all = append(all, "?")
		case f.unnamed:
			all = append(all, "?: "+string(f.value))
		default:
			all = append(all, string(f.name)+": "+string(f.value))
		}
	}
	return all, r
}

func fresh() *table { return &table{limit: defaultTable} }

// TestEncoder reads what the encoder of x/net writes, with its table changing
// size, and the fields and their order at random. Another table joins later: what
// it knows must be the same.
func TestEncoder(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var block bytes.Buffer
		e := hpack.NewEncoder(&block)
		e.SetMaxDynamicTableSizeLimit(1 << 16)
		known, joined := fresh(), &table{limit: maxTable}
		for i := range 200 {
			block.Reset()
			var want []string
			if r.IntN(10) == 0 {
				e.SetMaxDynamicTableSize(uint32(r.IntN(6000)))
			}
			for range r.IntN(20) {
				f := hpack.HeaderField{
					Name: fmt.Sprintf("x-%d", r.IntN(30)), Value: fmt.Sprint("v", r.IntN(10)),
					Sensitive: r.IntN(10) == 0,
				}
				if r.IntN(3) == 0 {
					f = hpack.HeaderField{Name: string(static[r.IntN(len(static))].name), Value: "/"}
				}
				_ = e.WriteField(f)
				want = append(want, f.Name+": "+f.Value)
			}
			got, rd := read(known, block.Bytes())
			if fmt.Sprint(got) != fmt.Sprint(want) || rd.broken || rd.unknown {
				t.Fatalf("block %d: got %q, want %q", i, got, want)
			}
			if i < 20 {
				continue
			}
			got, _ = read(joined, block.Bytes())
			for k := range want {
				if got[k][0] != '?' && got[k] != want[k] {
					t.Fatalf("joined: got %q, want %q", got[k], want[k])
				}
			}
		}
	}
}

// TestAppendix reads the examples of RFC 7541 appendix C.4 (requests, Huffman).
func TestAppendix(t *testing.T) {
	table := fresh()
	for _, c := range []struct{ block, want string }{
		{"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
			"[:method: GET :scheme: http :path: / :authority: www.example.com]"},
		{"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
			"[:method: GET :scheme: http :path: / :authority: www.example.com cache-control: no-cache]"},
		{"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
			"[:method: GET :scheme: https :path: /index.html :authority: www.example.com custom-key: custom-value]"},
	} {
		if got, _ := read(table, []byte(c.block)); fmt.Sprint(got) != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	if table.size != 164 {
		t.Errorf("the table has size %d", table.size)
	}
}

func TestUnknownFields(t *testing.T) {
	table := &table{limit: maxTable}
	for _, c := range []struct{ block, want string }{
		{"\xc0", "[?]"},                                       // an entry from before
		{"\x7f\x01\x01v", "[?: v]"},                           // a value for a name from before, inserted
		{"\xbe\xbf", "[?: v ?]"},                              // the newest, and one before it
		{"\x40\x01a\x01b\xbe\xbf", "[a: b a: b ?: v]"},        // one more
		{"\x20\x3f\xe1\x1f\xbe", "[?]"},                       // emptied, and 4096 again
		{"\x00\x01c\x01d\x10\x01e\x01f\xbe", "[c: d e: f ?]"}, // not inserted
	} {
		if got, _ := read(table, []byte(c.block)); fmt.Sprint(got) != c.want {
			t.Errorf("%x: got %s, want %s", c.block, got, c.want)
		}
	}
	for _, broken := range []string{"\x80", "\xff", "\xff\xff\xff\xff\xff\xff", "\x40", "\x40\x01a", "\x40\x81\x00\x01b", "\x3f"} {
		if _, r := read(table, []byte(broken)); !r.broken {
			t.Errorf("%x is a block", broken)
		}
	}
}

// FuzzBlock compares what is read of blocks with what the decoder of x/net reads,
// as long as that takes them, and bounds the table.
func FuzzBlock(f *testing.F) {
	f.Add([]byte("\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"), []byte("\xbe\x20\xbe"))
	f.Add([]byte("\x40\x01a\x01b\xbe"), []byte("\x3f\xe1\x1f\xbe"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		table, d := fresh(), hpack.NewDecoder(defaultTable, nil)
		agree := true
		for _, block := range [][]byte{one, two, one, two} {
			got, r := read(table, block)
			fields, err := d.DecodeFull(block)
			if agree = agree && err == nil; agree {
				want := []string(nil)
				for _, f := range fields {
					want = append(want, f.Name+": "+f.Value)
				}
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || r.broken || r.unknown {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			if r.broken {
				table.forget()
			}
		}
		if n := memory(table); n > maxMemory {
			t.Errorf("the table takes %d bytes", n)
		}
	})
}

// maxMemory is what a table may take: live strings, evicted ones that are still
// kept, what one block adds, and the room that append leaves.
const maxMemory = 1 << 20

func memory(t *table) int { return cap(t.buf) + 16*cap(t.entries) }

// TestTableMemory inserts for ever, in short and in long blocks.
func TestTableMemory(t *testing.T) {
	for _, entry := range []string{"\x40\x00\x00", "\x40\x01a\x7f\x9b\x01"} {
		if len(entry) > 3 {
			entry += string(bytes.Repeat([]byte{'v'}, 127+0x9b&0x7f+1<<7))
		}
		for _, size := range []int{1, maxBlock / len(entry)} {
			table := &table{limit: maxTable}
			most := 0
			for range 200 {
				if _, r := read(table, bytes.Repeat([]byte(entry), size)); r.broken {
					t.Fatal("no block")
				}
				most = max(most, memory(table))
			}
			if most > maxMemory {
				t.Errorf("%d entries a block: the table takes %d bytes", size, most)
			}
		}
	}
}
