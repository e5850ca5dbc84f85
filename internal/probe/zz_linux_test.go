package probe

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
)

func TestZZ(t *testing.T) {
	p, err := Open(Config{TLS: true, CaptureBytes: 1024, RingBytes: 1 << 20, MaxConnections: 1000, Latency: true, Include: []Target{{Ports: []PortRange{{1, 1}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.States() {
		var v *ebpf.VerifierError
		if errors.As(s.Err, &v) {
			l := v.Log
			if len(l) > 60 {
				l = l[len(l)-60:]
			}
			for _, x := range l {
				fmt.Println(x)
			}
		}
		if s.Hook == TLSHook {
			fmt.Println(s.Hook, s.Form, s.Err)
		}
	}
	for _, a := range p.loader.links {
		i, _ := a.program.Info()
		n, _ := i.VerifiedInstructions()
		fmt.Println(a.name, n)
	}
	if p.plain != nil {
		i, _ := p.plain.program.Info()
		n, _ := i.VerifiedInstructions()
		fmt.Println("library_call", n)
	}
	p.Close()
}
