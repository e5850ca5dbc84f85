package apps

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// SlowAnswer is how long the responder takes for names that begin "slow".
const SlowAnswer = 300 * time.Millisecond

// WebAddress is the address of every name the responder knows.
var WebAddress = netip.MustParseAddr("127.0.0.9")

// responder answers DNS on the address of its first argument, over UDP and TCP,
// until its input ends, and prints how often it was asked what: "a.test A udp".
//
// The beginning of a name decides: "nx", "fail" and "refuse" get an error,
// "drop" nothing, "dropone" nothing at first, "slow" an answer after SlowAnswer,
// "alias" one by way of a CNAME, "big" one that has no room in a datagram.
// IPv6 addresses nobody has.
func responder(args []string) error {
	r := &dnsResponder{counts: make(map[string]int)}
	packets, err := net.ListenPacket("udp", args[0])
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println(args[0])
	go r.serveUDP(packets)
	go r.serveTCP(ln)
	_, _ = io.Copy(io.Discard, os.Stdin)
	r.mu.Lock()
	defer r.mu.Unlock()
	return printJSON(r.counts)
}

type dnsResponder struct {
	mu     sync.Mutex
	counts map[string]int
}

func (r *dnsResponder) serveUDP(c net.PacketConn) {
	b := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		answer, wait := r.answer(b[:n], "udp")
		if answer == nil {
			continue
		}
		time.AfterFunc(wait, func() { _, _ = c.WriteTo(answer, from) })
	}
}

func (r *dnsResponder) serveTCP(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go r.serveConn(c)
	}
}

func (r *dnsResponder) serveConn(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		answer, wait := r.answer(b, "tcp")
		time.Sleep(wait)
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	}
}

// answer counts a question and makes its answer, nil for none.
func (r *dnsResponder) answer(query []byte, transport string) (answer []byte, wait time.Duration) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil, 0
	}
	q, err := p.Question()
	if err != nil {
		return nil, 0
	}
	name := strings.TrimSuffix(q.Name.String(), ".")
	key := fmt.Sprintf("%s %s %s", name, strings.TrimPrefix(q.Type.String(), "Type"), transport)
	r.mu.Lock()
	r.counts[key]++
	n := r.counts[key]
	r.mu.Unlock()

	head := dnsmessage.Header{ID: h.ID, Response: true, RecursionDesired: h.RecursionDesired, RecursionAvailable: true}
	switch {
	case strings.HasPrefix(name, "dropone"):
		if n == 1 {
			return nil, 0
		}
	case strings.HasPrefix(name, "drop"):
		return nil, 0
	case strings.HasPrefix(name, "slow"):
		wait = SlowAnswer
	case strings.HasPrefix(name, "nx"):
		head.RCode = dnsmessage.RCodeNameError
	case strings.HasPrefix(name, "fail"):
		head.RCode = dnsmessage.RCodeServerFailure
	case strings.HasPrefix(name, "refuse"):
		head.RCode = dnsmessage.RCodeRefused
	case strings.HasPrefix(name, "big") && transport == "udp":
		head.Truncated = true
	}
	return build(head, q), wait
}

func build(head dnsmessage.Header, q dnsmessage.Question) []byte {
	b := dnsmessage.NewBuilder(nil, head)
	b.EnableCompression()
	_ = b.StartQuestions()
	_ = b.Question(q)
	_ = b.StartAnswers()
	if head.RCode == 0 && !head.Truncated && q.Type == dnsmessage.TypeA {
		rh := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}
		if strings.HasPrefix(q.Name.String(), "alias") {
			rh.Name = dnsmessage.MustNewName("real." + q.Name.String())
			_ = b.CNAMEResource(dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}, dnsmessage.CNAMEResource{CNAME: rh.Name})
		}
		n := 1
		if strings.HasPrefix(q.Name.String(), "big") {
			n = 40
		}
		for i := range n {
			a := WebAddress.As4()
			a[2] += byte(i)
			_ = b.AResource(rh, dnsmessage.AResource{A: a})
		}
	}
	m, err := b.Finish()
	if err != nil {
		panic(err)
	}
	return m
}

// resolve looks names up with Go's own resolver, one after the other or, with
// -together, all at once, and prints the results. -server names one that
// resolv.conf does not.
func resolve(args []string) error {
	flags := flag.NewFlagSet("resolve", flag.ExitOnError)
	together := flags.Bool("together", false, "")
	server := flags.String("server", "", "")
	_ = flags.Parse(args) // or it has exited
	args = flags.Args()
	r := net.Resolver{PreferGo: true}
	if *server != "" {
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, *server)
		}
	}
	results := make([]LookupResult, len(args))
	var wg sync.WaitGroup
	for i, name := range args {
		look := func() {
			begin := time.Now()
			addrs, err := r.LookupHost(context.Background(), name)
			results[i] = LookupResult{Name: name, Addresses: addrs, Took: time.Since(begin)}
			if err != nil {
				results[i].Err = err.Error()
			}
		}
		if *together {
			wg.Go(look)
		} else {
			look()
		}
	}
	wg.Wait()
	return printJSON(results)
}

// A LookupResult is what a client of the responder got.
type LookupResult struct {
	Name      string
	Addresses []string
	Err       string
	Took      time.Duration
}
