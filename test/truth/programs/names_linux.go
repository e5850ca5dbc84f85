package programs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// names answers questions on the UDP address its first argument gives, until its
// standard input ends. The first label of a name says what to do, in parts:
//
//	ip-198-18-2-7  the address in the answer; another type than A has none
//	wait-250       milliseconds before the answer
//	mute-1         how many questions of each type have no answer
func names(args []string) error {
	conn, err := net.ListenPacket("udp", args[0])
	if err != nil {
		return err
	}
	fmt.Println("listening")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = conn.Close()
	}()
	n := nameServer{conn: conn, asked: map[string]int{}}
	for {
		question := make([]byte, 512)
		size, from, err := conn.ReadFrom(question)
		if err != nil {
			return err
		}
		go n.answer(question[:size], from)
	}
}

type nameServer struct {
	conn  net.PacketConn
	mu    sync.Mutex
	asked map[string]int // by name and type
}

func (n *nameServer) answer(question []byte, from net.Addr) {
	label, rest, err := firstLabel(question)
	if err != nil {
		return
	}
	wish := wishOf(label)
	if n.count(string(rest)) <= wish.mute {
		return
	}
	time.Sleep(wish.wait)
	_, _ = n.conn.WriteTo(wish.reply(question, rest), from)
}

// count counts how often a question was asked. rest is its name and type.
func (n *nameServer) count(rest string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[rest]++
	return n.asked[rest]
}

const dnsHeader = 12

// firstLabel returns the first label of the question and the whole of it.
func firstLabel(message []byte) (label string, question []byte, err error) {
	if len(message) < dnsHeader+1 {
		return "", nil, errors.New("short")
	}
	question = message[dnsHeader:]
	size := int(question[0])
	end := 0
	for end < len(question) && question[end] != 0 {
		end += int(question[end]) + 1
	}
	if len(question) < size+1 || len(question) < end+5 {
		return "", nil, errors.New("short")
	}
	return string(question[1 : size+1]), question[:end+5], nil
}

// A wish is what a label asks for.
type wish struct {
	addr netip.Addr
	wait time.Duration
	mute int
}

func wishOf(label string) (w wish) {
	fields := strings.Split(label, "-")
	for i, f := range fields {
		rest := fields[i+1:]
		switch {
		case f == "ip" && len(rest) >= 4:
			w.addr, _ = netip.ParseAddr(strings.Join(rest[:4], "."))
		case f == "wait" && len(rest) >= 1:
			ms, _ := strconv.Atoi(rest[0])
			w.wait = time.Duration(ms) * time.Millisecond
		case f == "mute" && len(rest) >= 1:
			w.mute, _ = strconv.Atoi(rest[0])
		}
	}
	return w
}

const typeA = 1

// reply makes the answer to a question: one address, or none.
func (w *wish) reply(message, question []byte) []byte {
	has := binary.BigEndian.Uint16(question[len(question)-4:]) == typeA && w.addr.IsValid()
	reply := append([]byte{message[0], message[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if has {
		reply[7] = 1
		reply = append(reply, 0xc0, dnsHeader, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4)
		addr := w.addr.As4()
		reply = append(reply, addr[:]...)
	}
	return reply
}
