package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

// serveH2C answers HTTP/1.1, lets it be upgraded to HTTP/2, and answers HTTP/2.
// It prints how often it answered each "METHOD path status".
func serveH2C(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	counts := make(map[string]int)
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		counts[fmt.Sprintf("%s %s 200", r.Method, r.URL.Path)]++
		mu.Unlock()
		fmt.Fprintln(w, r.Proto)
	}
	s := &http.Server{Handler: h2c.NewHandler(http.HandlerFunc(answer), &http2.Server{})}
	go func() { _ = s.Serve(ln) }()
	fmt.Println(ln.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	mu.Lock()
	defer mu.Unlock()
	return json.NewEncoder(os.Stdout).Encode(counts)
}
