package apps

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"strconv"
)

// echoServer sends back what comes on the address its first argument gives,
// until its standard input ends.
func echoServer(args []string) error {
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(plain{c}, c)
				_ = c.Close()
			}()
		}
	}()
	fmt.Println(ln.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// noise sends what is not HTTP to an echo server and reads it back: address,
// "bytes" or "lines", and how many blocks of a kilobyte.
func noise(args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	block := bytes.Repeat([]byte("a line of text, not a request\r\n."), 32)
	random := rand.New(rand.NewSource(1))
	for range n {
		if args[1] == "bytes" {
			_, _ = random.Read(block)
		}
		if _, err := c.Write(block); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, make([]byte, len(block))); err != nil {
			return err
		}
	}
	return c.Close()
}
