package probe

import (
	"fmt"
	"github.com/edf076de/ebpfreceiver/internal/event"
	"os/exec"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	t0 := time.Now()
	p, err := Open(Config{CaptureBytes: 1024, RingBytes: 8 << 20, MaxConnections: 65536, Include: []Target{{Ports: []PortRange{{18080, 18080}}, Executables: []string{"*python*", "*curl"}}}})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	fmt.Println(time.Since(t0), p.MemoryBytes())
	for _, s := range p.States() {
		fmt.Println(s.Hook, s.Form, s.Err)
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		c := exec.Command("python3", "-m", "http.server", "18080", "--bind", "127.0.0.1", "-d", "/work/main/bpf")
		c.Start()
		time.Sleep(900 * time.Millisecond)
		out, err := exec.Command("curl", "-s", "http://127.0.0.1:18080/tcp.bpf.c", "-o", "/dev/null").CombinedOutput()
		fmt.Println(string(out), err)
		c.Process.Kill()
	}()
	end := time.Now().Add(2 * time.Second)
	var e event.Event
	for time.Now().Before(end) {
		p.Source().Drain(func(b []byte) {
			if err := event.Decode(b, &e); err != nil {
				fmt.Println(err)
				return
			}
			switch e.Kind {
			case event.Data:
				fmt.Printf("data %x pid %d t=%v fl=%x off=%d other=%d size=%d cap=%d %.60q tail=%q\n", e.Conn, e.PID, e.Time, e.Flags, e.Offset, e.Other, e.Size, len(e.Payload), e.Payload, e.Tail)
			case event.Open:
				fmt.Printf("open %x %d %+v\n", e.Conn, e.PID, e.OpenInfo)
			case event.Process:
				fmt.Printf("proc %d %+v\n", e.PID, e.ProcessInfo)
			case event.Close:
				fmt.Printf("close %x t=%v fl=%x %+v\n", e.Conn, e.Time, e.Flags, e.CloseInfo)
			default:
				fmt.Println(e.Kind, e.PID)
			}
		})
		p.Source().Wait()
	}
	fmt.Println(p.Losses())
	fmt.Println(p.Close())
}
