//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/event"
	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/test/apps"
)

func TestZZ(t *testing.T) {
	speakTLS(t, "1.3")
	port := freePort(t)
	name := os.Getenv("ZZ_SERVER")
	if name == "" {
		name = "nginx"
	}
	servers[name](t, port)
	p, err := probe.Open(probe.Config{
		Include:      []probe.Target{{Ports: []probe.PortRange{{First: uint16(port), Last: uint16(port)}}}},
		CaptureBytes: 1024, RingBytes: 1 << 20, MaxConnections: 10000, Latency: true, TLS: true, Health: os.Getenv("ZZ_H") != "", MaxSeries: 2000,
	})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if c := os.Getenv("ZZ_CLIENT"); c != "" {
		n, _ := strconv.Atoi(os.Getenv("ZZ_N"))
		fmt.Println(len(clients[c](t, load{port: port, concurrent: 1, n: max(1, n), prefix: "zz"})))
	} else {
		fmt.Println(curl(t, "--cacert", os.Getenv(apps.EnvCert), url(port, "/s/200/x")))
	}
	if c := os.Getenv("ZZ_CMD"); c != "" {
		out, err := exec.Command("bash", "-c", strings.ReplaceAll(c, "PORT", strconv.Itoa(port))).CombinedOutput()
		fmt.Println(string(out), err)
	}
	time.Sleep(300 * time.Millisecond)
	p.Source().Drain(func(b []byte) {
		var e event.Event
		event.Decode(b, &e)
		switch e.Kind {
		case event.Data:
			fmt.Printf("%v pid %d conn %x DATA flags %x off %d other %d size %d %.40q arrived %v acked %v\n", e.Time, e.PID, e.Conn, e.Flags, e.Offset, e.Other, e.Size, e.Payload, e.Arrived, e.Acked)
		case event.Open:
			fmt.Printf("%v pid %d conn %x OPEN %+v\n", e.Time, e.PID, e.Conn, e.OpenInfo)
		default:
			fmt.Printf("%v pid %d conn %x kind %d flags %x\n", e.Time, e.PID, e.Conn, e.Kind, e.Flags)
		}
	})
	fmt.Println(p.Losses())
	p.Close()
}

func TestYY(t *testing.T) {
	speakTLS(t, "1.3")
	port := freePort(t)
	nginx(t, port)
	o := observe(t, onPort(port))
	for i := range 3 {
		fmt.Println(curl(t, "--cacert", os.Getenv(apps.EnvCert), url(port, "/s/200/x")), i)
	}
	for _, s := range o.settle(6) {
		fmt.Println(s)
	}
	fmt.Println(o.lost(t), o.records(t), o.total(t, "otelcol_ebpf_exchanges"))
	x, _ := o.tel.GetMetric("otelcol_ebpf_probe_attached")
	fmt.Println(x)
}
