package apps

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// A Result is what the client saw of one request.
type Result struct {
	Path   string
	Status int           // 0: no response
	Took   time.Duration // from before the request to the end of the body
}

// statuses are those the client asks for in turn.
var statuses = []int{200, 404, 200, 500, 204, 200, 301, 503, 200, 201}

func mixed(prefix string, i int) string {
	return fmt.Sprintf("/s/%d/%s%d", statuses[i%len(statuses)], prefix, i)
}

// Paths returns n paths that ask for mixed statuses.
func Paths(prefix string, n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = mixed(prefix, i)
	}
	return paths
}

// client sends requests and prints a Result for each.
func client(args []string) error {
	f := flag.NewFlagSet("client", flag.ExitOnError)
	base := f.String("url", "", "base of the requests, such as http://127.0.0.1:8080")
	path := f.String("path", "", "path of every request; empty: /s/{status}/{n} with mixed statuses")
	n := f.Int("n", 1, "requests")
	concurrent := f.Int("c", 1, "requests at a time")
	fresh := f.Bool("fresh", false, "a new connection for each request")
	prefix := f.String("prefix", "x", "of {n}")
	method := f.String("method", http.MethodGet, "of the requests")
	proxy := f.String("proxy", "", "where to go through, such as http://127.0.0.1:3128; empty: nowhere")
	_ = f.Parse(args)

	trusted, err := clientTLS()
	if err != nil {
		return err
	}
	var through func(*http.Request) (*url.URL, error)
	if *proxy != "" {
		u, err := url.Parse(*proxy)
		if err != nil {
			return err
		}
		through = http.ProxyURL(u)
	}
	hc := &http.Client{
		Transport: &http.Transport{
			Proxy:           through,
			TLSClientConfig: trusted, DisableKeepAlives: *fresh, MaxIdleConnsPerHost: *concurrent, DisableCompression: true,
			ForceAttemptHTTP2: os.Getenv(EnvHTTP2) != "",
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	results := make([]Result, *n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range *concurrent {
		wg.Go(func() {
			for i := range next {
				p := *path
				if p == "" {
					p = mixed(*prefix, i)
				}
				results[i] = request(hc, *method, *base, p)
			}
		})
	}
	for i := range *n {
		next <- i
	}
	close(next)
	wg.Wait()
	hc.CloseIdleConnections()
	return printJSON(results)
}

func request(hc *http.Client, method, base, path string) Result {
	r := Result{Path: path}
	begin := time.Now()
	req, err := http.NewRequest(method, base+path, nil)
	if err != nil {
		return r
	}
	resp, err := hc.Do(req)
	if err != nil {
		return r
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	r.Status, r.Took = resp.StatusCode, time.Since(begin)
	return r
}

// oldConnections opens connections to the address of its first argument, sends
// a request on each, prints a line, and sends another on each for every line of
// its standard input.
func oldConnections(args []string) error {
	var conns []net.Conn
	for range 5 {
		c, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	in := bufio.NewScanner(os.Stdin)
	for round := 0; ; round++ {
		for i, c := range conns {
			if err := roundTrip(c, fmt.Sprintf("/s/200/old-%d-%d", round, i)); err != nil {
				return err
			}
		}
		fmt.Println("round", round)
		if !in.Scan() {
			return nil
		}
	}
}

func roundTrip(c net.Conn, path string) error {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: old\r\n\r\n", path)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}
