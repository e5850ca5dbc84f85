package dns

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A conversation of datagrams is a file of lines. What precedes the first blank
// line says what it shows. Times are milliseconds, P is a process, S a socket:
//
//	10 P5 S1 sends to 127.0.0.53:53 query 7 A www.test
//	12 P5 S1 receives answer 7 A www.test NOERROR cname.test=60 10.0.0.1=60
//	20 P5 exits
//	21 P5 S1 closes
//	99 passes
//
// Instead of a message "raw" stands for bytes that are none, "unread" for one
// that could not be read, "lost" for one of which nothing was told. Behind the ID "short" sets TC, "blank" leaves out the question, "cut" loses
// the end. The exchanges follow behind the line "want".
func TestDatagrams(t *testing.T) {
	paths, err := filepath.Glob("testdata/udp/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(text), "\nwant\n")
			_, lines, _ := strings.Cut(script, "\n\n")
			got := play(t, lines)
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(path, []byte(script+"\nwant\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func play(t *testing.T, lines string) string {
	var log strings.Builder
	d := NewDatagrams(4, func(o *Origin, x *proto.Exchange) {
		fmt.Fprintf(&log, "%s side=%d %d..%d", x.Name, x.Side, x.Start.Milliseconds(), x.End.Milliseconds())
		if o.Remote.IsValid() {
			fmt.Fprintf(&log, " peer=%v", o.Remote)
		}
		if x.Err != "" {
			fmt.Fprintf(&log, " error=%s", x.Err)
		}
		for i, flaw := range []string{"cut-head", "gap", "no-response", "unknown-end"} {
			if x.Capture&(1<<i) != 0 {
				fmt.Fprintf(&log, " capture=%s", flaw)
			}
		}
		for _, a := range x.Attrs {
			switch {
			case a.Kind == proto.KindInt:
				fmt.Fprintf(&log, " %s=%d", a.Key, a.Int)
			case a.Kind == proto.KindList:
				fmt.Fprintf(&log, " %s=%v", a.Key, a.List)
			case a.Key == "dns.question.name" || a.Key == "ebpf.dns.response_code":
				fmt.Fprintf(&log, " %s", a.Str)
			}
		}
		if r := x.Resolved; r != nil && len(r.Addresses) > 0 {
			fmt.Fprintf(&log, " resolved=%s%v/%v", r.Name, r.Addresses, r.TTL)
		}
		log.WriteByte('\n')
	})
	for line := range strings.Lines(lines) {
		if err := step(d, strings.Fields(line)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	for reason, n := range d.Lost() {
		fmt.Fprintf(&log, "%s %d\n", reason, n)
	}
	fmt.Fprintf(&log, "%d wait\n", d.Len())
	return log.String()
}

// lost is how many datagrams were lost; only the changes of it count.
var lost uint32

func step(d *Datagrams, w []string) error {
	at, err := strconv.Atoi(w[0])
	if err != nil {
		return err
	}
	now := time.Duration(at) * time.Millisecond
	if w[1] == "passes" {
		d.Expire(now)
		return nil
	}
	process, err := strconv.Atoi(w[1][1:])
	if err != nil {
		return err
	}
	if w[2] == "exits" {
		d.Exited(uint32(process), now)
		return nil
	}
	socket, err := strconv.Atoi(w[2][1:])
	if err != nil {
		return err
	}
	g := Datagram{
		Process: uint32(process), Sent: w[3] == "sends", Closed: w[3] == "closes", Time: now, Origin: Origin{Socket: uint64(socket)},
		Lost: lost,
	}
	if g.Closed {
		d.Take(&g)
		return nil
	}
	w = w[4:]
	if w[0] == "to" || w[0] == "from" {
		g.Remote = netip.MustParseAddrPort(w[1])
		w = w[2:]
	}
	switch w[0] {
	case "raw":
		g.Bytes = []byte("raw")
	case "unread":
		g.Size = 40
	case "lost":
		lost++
		return nil
	default:
		if err := g.message(w); err != nil {
			return err
		}
	}
	g.Size = max(g.Size, len(g.Bytes))
	d.Take(&g)
	return nil
}

// message makes the bytes of "answer 7 short A www.test NOERROR 10.0.0.1=60".
func (d *Datagram) message(w []string) error {
	id, err := strconv.Atoi(w[1])
	if err != nil {
		return err
	}
	h := dnsmessage.Header{ID: uint16(id), Response: w[0] == "answer"}
	w = w[2:]
	blank, cut := false, false
	for ; len(w) > 0 && w[0] == strings.ToLower(w[0]); w = w[1:] {
		h.Truncated = h.Truncated || w[0] == "short"
		blank = blank || w[0] == "blank"
		cut = cut || w[0] == "cut"
	}
	name := dnsmessage.MustNewName(strings.TrimSuffix(w[1], ".") + ".")
	b := dnsmessage.NewBuilder(nil, h)
	if err := b.StartQuestions(); err != nil {
		return err
	}
	if !blank {
		kinds := map[string]dnsmessage.Type{"A": 1, "AAAA": 28, "TYPE9": 9}
		if err := b.Question(dnsmessage.Question{Name: name, Type: kinds[w[0]], Class: dnsmessage.ClassINET}); err != nil {
			return err
		}
	}
	if err := b.StartAnswers(); err != nil {
		return err
	}
	var rcode string
	if len(w) > 2 {
		rcode = w[2]
		for _, r := range w[3:] {
			if err := resource(&b, name, r); err != nil {
				return err
			}
		}
	}
	d.Bytes, err = b.Finish()
	for c, s := range rcodes {
		if s == rcode && s != "" {
			d.Bytes[3] |= byte(c & 0xf)
			if c > 0xf { // the rest of it is in EDNS
				d.Bytes[11] = 1
				d.Bytes = append(d.Bytes, 0, 0, 41, 4, 0xd0, byte(c>>4), 0, 0, 0, 0, 0)
			}
		}
	}
	d.Size = len(d.Bytes)
	if cut {
		d.Bytes = d.Bytes[:d.Size-3]
	}
	return err
}

func resource(b *dnsmessage.Builder, name dnsmessage.Name, r string) error {
	data, ttl, _ := strings.Cut(r, "=")
	n, err := strconv.Atoi(ttl)
	if err != nil {
		return err
	}
	h := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: uint32(n)}
	a, err := netip.ParseAddr(data)
	switch {
	case err != nil:
		return b.CNAMEResource(h, dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(data + ".")})
	case a.Is4():
		return b.AResource(h, dnsmessage.AResource{A: a.As4()})
	}
	return b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a.As16()})
}

// FuzzMessage takes any datagram for one of each kind: nothing may panic, no
// more may wait than is allowed, and no exchange may end before it began.
func FuzzMessage(f *testing.F) {
	var d Datagram
	if err := d.message(strings.Fields("answer 7 A www.test BADVERS real.test=60 10.0.0.1=60 2001:db8::1=5")); err != nil {
		f.Fatal(err)
	}
	f.Add(d.Bytes, uint16(0))
	f.Add(query("example", 1)[lengthSize:], uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		ds := NewDatagrams(4, func(_ *Origin, x *proto.Exchange) {
			if x.End < x.Start {
				t.Errorf("%s ended at %d, before %d", x.Name, x.End, x.Start)
			}
		})
		for i := range 16 {
			g := Datagram{
				Process: 1, Sent: i&1 == 0, Time: time.Duration(i) * time.Second, Bytes: append([]byte(nil), b...),
				Size: len(b) + int(cut), Origin: Origin{Socket: uint64(i >> 1 & 1)},
			}
			if len(b) > 2 {
				g.Bytes[2] ^= byte(i) << 5 & 0x80 // a question or an answer
			}
			ds.Take(&g)
			if ds.Len() > 4 {
				t.Fatalf("%d wait", ds.Len())
			}
		}
		ds.Exited(1, time.Minute)
		if ds.Len() != 0 || len(ds.table.waiting) != 0 {
			t.Error("some still wait for an answer to who has exited")
		}
	})
}
