package guest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
)

var zz = flag.String("zz", os.Getenv("ZZ"), "")
var zzLevel = ebpf.LogLevel(4)


func TestZZ(t *testing.T) {
	rlimit.RemoveMemlock()
	spec, err := bpf.LoadTcp()
	if err != nil {
		t.Fatal(err)
	}
	if *zz != "" { zzLevel = 1 }
	cache := btf.NewCache()
	ks, _ := cache.Kernel()
	var f *btf.Func
	ks.TypeByName("tcp_recvmsg", &f)
	n := len(f.Type.(*btf.FuncProto).Params)
	spec.Variables["recvmsg_args"].Set(uint32(n))
	for name := range spec.Programs {
		if *zz != "" && !strings.Contains(name, *zz) {
			continue
		}
		s := spec.Copy()
		s.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}
		if strings.Contains(name, "probe") || os.Getenv("HASH") != "" {
			s.Variables["conns_on_socket"].Set(false)
		}
		begin := time.Now()
		c, err := ebpf.NewCollectionWithOptions(s, ebpf.CollectionOptions{Cache: cache, Programs: ebpf.ProgramOptions{LogLevel: zzLevel, LogSizeStart: 16 << 20}})
		if err == nil {
			l := strings.TrimSpace(c.Programs[name].VerifierLog)
			l = l[strings.LastIndex(l, "\n")+1:]
			fmt.Println("ZZ ok", name, time.Since(begin).Round(time.Millisecond), l)
			c.Close()
			continue
		}
		var ve *ebpf.VerifierError
		fmt.Println("ZZ FAIL", name, time.Since(begin).Round(time.Millisecond), err)
		if *zz != "" && errors.As(err, &ve) {
			lines := ve.Log
			if len(lines) > 150 {
				lines = lines[len(lines)-150:]
			}
			fmt.Println(strings.Join(lines, "\n"))
		}
	}
}
