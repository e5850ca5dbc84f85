package probe

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/edf076de/ebpfreceiver/internal/bpf"
)

func TestDbg(t *testing.T) {
	spec, _ := bpf.LoadTcp()
	name := os.Getenv("PROG")
	p := spec.Programs[name]
	spec.Programs = map[string]*ebpf.ProgramSpec{name: p}
	spec.Variables["exe_globs"].Set(uint32(2))
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelBranch, LogSizeStart: 256<<20}})
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		f, _ := os.Create("/tmp/vlog")
		for _, l := range ve.Log { fmt.Fprintln(f, l) }
		f.Close()
	}
	if err == nil { fmt.Println(coll.Programs[name].VerifierLog[max(0,len(coll.Programs[name].VerifierLog)-300):]) }
}
