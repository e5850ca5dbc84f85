package apps

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

func init() {
	Register("tlsserver", tlsServer)
	Register("tlsclient", tlsClient)
}

// A Handshake is what a program of ours knows of one.
type Handshake struct {
	Version, Cipher, NextProtocol, ServerName string
	Resumed                                   bool
	Before, After                             int64 // the handshake: since boot (CLOCK_MONOTONIC), ns
	Err                                       string
}

// shake does the handshake.
func shake(c *tls.Conn) (h Handshake) {
	h.Before = monotonic()
	err := c.Handshake()
	h.After = monotonic()
	if err != nil {
		h.Err = err.Error()
		return h
	}
	s := c.ConnectionState()
	h.Version, h.Cipher = strings.TrimPrefix(tls.VersionName(s.Version), "TLS "), tls.CipherSuiteName(s.CipherSuite)
	h.NextProtocol, h.ServerName, h.Resumed = s.NegotiatedProtocol, s.ServerName, s.DidResume
	return h
}

func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// tlsFlags are those of both.
func tlsFlags(name string) (f *flag.FlagSet, config func() *tls.Config) {
	f = flag.NewFlagSet(name, flag.ContinueOnError)
	version := f.String("version", "1.3", "of TLS, at most")
	protocols := f.String("alpn", "", "protocols, by commas")
	return f, func() *tls.Config {
		c := &tls.Config{MaxVersion: versions[*version]}
		if *protocols != "" {
			c.NextProtos = strings.Split(*protocols, ",")
		}
		return c
	}
}

// tlsServer sends back what comes, until its standard input ends; then it says
// what its handshakes were.
func tlsServer(args []string) error {
	f, config := tlsFlags("tlsserver")
	certificate := f.String("cert", "", "file of the certificate; its key is beside it")
	if err := f.Parse(args); err != nil {
		return err
	}
	c := config()
	pair, err := tls.LoadX509KeyPair(*certificate, strings.TrimSuffix(*certificate, ".pem")+".key")
	if err != nil {
		return err
	}
	c.Certificates = []tls.Certificate{pair}
	ln, err := net.Listen("tcp", f.Arg(0))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	shakes := []Handshake{}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				s := tls.Server(conn, c)
				defer s.Close()
				h := shake(s)
				mu.Lock()
				shakes = append(shakes, h)
				mu.Unlock()
				sendBack(s)
			}()
		}
	}()
	fmt.Println(ln.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	mu.Lock()
	defer mu.Unlock()
	return printJSON(shakes)
}

// sendBack sends back what comes; of a request only its first bytes.
func sendBack(c net.Conn) {
	first := make([]byte, 1024)
	n, _ := c.Read(first)
	_, _ = c.Write(first[:n])
	if !bytes.HasPrefix(first, []byte("GET ")) {
		_, _ = io.Copy(plain{c}, c)
	}
}

// tlsClient connects to an address a few times, one after the other, and says
// what its handshakes were.
func tlsClient(args []string) error {
	f, config := tlsFlags("tlsclient")
	authority := f.String("ca", "", "file of the certificate that signed the server's")
	name := f.String("name", "", "of the server")
	times := f.Int("n", 1, "connections")
	size := f.Int("bytes", 0, "to be sent back on each; 0: a request is sent and the first bytes that come are read")
	if err := f.Parse(args); err != nil {
		return err
	}
	c := config()
	pem, err := os.ReadFile(*authority)
	if err != nil {
		return err
	}
	c.RootCAs, c.ServerName = x509.NewCertPool(), *name
	c.RootCAs.AppendCertsFromPEM(pem)
	c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	shakes := []Handshake{}
	for range *times {
		conn, err := net.Dial("tcp", f.Arg(0))
		if err != nil {
			return err
		}
		s := tls.Client(conn, c)
		h := shake(s)
		shakes = append(shakes, h)
		if h.Err == "" {
			err = talked(s, *size)
		}
		_ = s.Close()
		if err != nil {
			return err
		}
	}
	return printJSON(shakes)
}

// talked sends something and reads what comes.
func talked(c net.Conn, n int) error {
	if n > 0 {
		return echoed(c, n)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	_, err := io.ReadAtLeast(c, make([]byte, 64), 1)
	return err
}

// echoed has a number of bytes sent back, one KiB at a time.
func echoed(c net.Conn, n int) error {
	block := make([]byte, 1024)
	for n > 0 {
		b := block[:min(n, len(block))]
		n -= len(b)
		if _, err := c.Write(b); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return err
		}
	}
	return nil
}
