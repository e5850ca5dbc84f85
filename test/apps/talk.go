package apps

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// An Order is what a talker is to do next.
type Order struct {
	Do   string // write, read, responses, drain, finish, close or reset
	Text string // to write
	N    int    // bytes to read, or responses
}

// A Report is what came of an Order.
type Report struct {
	Text     string // that was read
	N        int    // bytes of the drain
	Statuses []int
	Err      string
}

// talk is one end of a connection, "dial address" or "listen address". It
// executes the orders of its standard input and prints a report for each.
func talk(args []string) error {
	conn, err := connect(args[0], args[1])
	if err != nil {
		return err
	}
	in, r := json.NewDecoder(os.Stdin), bufio.NewReader(conn)
	for {
		var o Order
		if err := in.Decode(&o); err != nil {
			return conn.Close()
		}
		report, err := o.execute(conn, r)
		if err != nil {
			report.Err = err.Error()
		}
		if err := printJSON(report); err != nil {
			return err
		}
	}
}

// connect returns the one connection of a talker.
func connect(how, addr string) (*net.TCPConn, error) {
	if how == "dial" {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		fmt.Println("connected")
		return c.(*net.TCPConn), nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	fmt.Println(ln.Addr())
	c, err := ln.Accept()
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

func (o *Order) execute(c *net.TCPConn, r *bufio.Reader) (report Report, err error) {
	switch o.Do {
	case "write":
		_, err = io.WriteString(c, o.Text)
	case "read":
		text := make([]byte, o.N)
		_, err = io.ReadFull(r, text)
		report.Text = string(text)
	case "responses":
		report.Statuses, err = responses(r, o.N)
	case "drain":
		var n int64
		n, err = io.Copy(io.Discard, r)
		report.N = int(n)
	case "finish":
		err = c.CloseWrite()
	case "close":
		err = c.Close()
	case "reset":
		err = errors.Join(c.SetLinger(0), c.Close())
	default:
		err = fmt.Errorf("no order %q", o.Do)
	}
	return report, err
}

// responses reads the answers to n GETs.
func responses(r *bufio.Reader, n int) (statuses []int, err error) {
	for range n {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses, err
		}
		if resp.StatusCode != http.StatusSwitchingProtocols {
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				return statuses, err
			}
		}
		statuses = append(statuses, resp.StatusCode)
	}
	return statuses, nil
}
