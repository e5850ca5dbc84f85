package apps

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Flows are what a program of this file did, by its own count.
type Flows struct {
	Connections                  int
	Sent, Received               uint64 // bytes
	SentPackets, ReceivedPackets uint64 // datagrams
}

type flowCounts struct {
	connections, sent, received, packetsSent, packetsReceived atomic.Uint64
}

func (c *flowCounts) print() error {
	return printJSON(Flows{
		Connections: int(c.connections.Load()), Sent: c.sent.Load(), Received: c.received.Load(),
		SentPackets: c.packetsSent.Load(), ReceivedPackets: c.packetsReceived.Load(),
	})
}

// doubleServer answers every byte with two. It listens on the address of its
// argument, TCP and UDP, prints it, and its counts for every line of its input.
func doubleServer(args []string) error {
	var counts flowCounts
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	pc, err := net.ListenPacket("udp", ln.Addr().String())
	if err != nil {
		return err
	}
	go counts.answerPackets(pc)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			counts.connections.Add(1)
			go counts.double(c)
		}
	}()
	fmt.Println(ln.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := counts.print(); err != nil {
			return err
		}
	}
	return nil
}

func (c *flowCounts) double(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 8<<10) // small: there may be thousands
	for {
		n, err := conn.Read(buf[:len(buf)/2])
		c.received.Add(uint64(n))
		if err != nil {
			return
		}
		m, err := conn.Write(buf[:2*n])
		c.sent.Add(uint64(m))
		if err != nil {
			return
		}
	}
}

func (c *flowCounts) answerPackets(pc net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		c.received.Add(uint64(n))
		c.packetsReceived.Add(1)
		m, err := pc.WriteTo(buf[:2*n], from)
		if err != nil {
			return
		}
		c.sent.Add(uint64(m))
		c.packetsSent.Add(1)
	}
}

// doubleClient talks to a doubleServer as the lines of its input say, and prints
// its counts after each: "short n" opens and closes n connections, one after the
// other, "open n" opens n more that stay, "talk" uses those, "idle n" opens n
// that say nothing, "greet n" opens n that say one byte, "packets n" sends n datagrams, "from addr" does "short 1"
// from an address, "close" closes what is open.
func doubleClient(args []string) error {
	var counts flowCounts
	var open []net.Conn
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		do, arg, _ := strings.Cut(in.Text(), " ")
		n, _ := strconv.Atoi(arg)
		var err error
		switch do {
		case "short":
			for range n {
				err = counts.short(args[0], nil)
			}
		case "from":
			err = counts.short(args[0], &net.TCPAddr{IP: net.ParseIP(arg)})
		case "open", "idle", "greet":
			for i := 0; i < n && err == nil; i++ {
				var c net.Conn
				if c, err = net.Dial("tcp", args[0]); err != nil {
					break
				}
				counts.connections.Add(1)
				open = append(open, c)
				switch do {
				case "open":
					err = counts.talk(c)
				case "greet":
					err = counts.exchange(c, 1)
				}
			}
		case "talk":
			for _, c := range open {
				err = counts.talk(c)
			}
		case "packets":
			err = counts.packets(args[0], n)
		case "close":
			for _, c := range open {
				err = c.Close()
			}
			open = nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", in.Text(), err)
		}
		if err := counts.print(); err != nil {
			return err
		}
	}
	return nil
}

func (c *flowCounts) short(addr string, from net.Addr) error {
	conn, err := (&net.Dialer{LocalAddr: from}).Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.connections.Add(1)
	return c.talk(conn)
}

func (c *flowCounts) talk(conn net.Conn) error { return c.exchange(conn, 1+rand.Int64N(100_000)) }

// exchange sends size bytes, in pieces, and reads twice as much meanwhile.
func (c *flowCounts) exchange(conn net.Conn, size int64) error {
	sent := make(chan error, 1)
	go func() {
		for left := size; left > 0; {
			n, err := conn.Write(make([]byte, min(left, 1+rand.Int64N(20_000))))
			c.sent.Add(uint64(n))
			if err != nil {
				sent <- err
				return
			}
			left -= int64(n)
		}
		sent <- nil
	}()
	n, err := io.CopyN(io.Discard, conn, 2*size)
	c.received.Add(uint64(n))
	if err != nil {
		return err
	}
	return <-sent
}

// packets sends datagrams of growing size, from none on, and awaits the answers.
func (c *flowCounts) packets(addr string, n int) error {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 64<<10)
	for i := range n {
		if _, err := conn.Write(buf[:i%1400]); err != nil {
			return err
		}
		c.sent.Add(uint64(i % 1400))
		c.packetsSent.Add(1)
		m, err := conn.Read(buf)
		if err != nil {
			return err
		}
		c.received.Add(uint64(m))
		c.packetsReceived.Add(1)
	}
	return nil
}
