package apps

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// proxy forwards requests in absolute form and makes tunnels for CONNECT, on
// the address its first argument gives, until its standard input ends.
func proxy(args []string) error {
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableCompression: true}
	go func() {
		_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodConnect {
				tunnel(w, r)
			} else {
				forward(transport, w, r)
			}
		}))
	}()
	fmt.Println(ln.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func forward(transport *http.Transport, w http.ResponseWriter, r *http.Request) {
	resp, err := transport.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func tunnel(w http.ResponseWriter, r *http.Request) {
	there, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	fmt.Fprint(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(plain{there}, here)
		_ = there.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(plain{here}, there)
}

// plain hides that a connection could splice: its bytes then pass through the
// proxy's memory.
type plain struct{ io.Writer }
