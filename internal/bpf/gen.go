// Package bpf holds the compiled BPF objects and the loaders bpf2go writes for
// them. Their source is in bpf/; `make generate` rebuilds them.
package bpf

//go:generate go tool -modfile=../../tools/go.mod bpf2go -cc clang-19 -strip llvm-strip-19 -target amd64,arm64 -tags linux -no-global-types -output-stem tcp Tcp ../../bpf/tcp.bpf.c -- -O2 -mcpu=v3 -Wall -Wno-unused-function -I../../bpf/include -I../../bpf/libbpf
//go:generate go tool -modfile=../../tools/go.mod bpf2go -cc clang-19 -strip llvm-strip-19 -target amd64,arm64 -tags linux -no-global-types -output-stem process Process ../../bpf/process.bpf.c -- -O2 -mcpu=v3 -Wall -Wno-unused-function -I../../bpf/include -I../../bpf/libbpf
//go:generate go tool -modfile=../../tools/go.mod bpf2go -cc clang-19 -strip llvm-strip-19 -target amd64,arm64 -tags linux -no-global-types -output-stem segments Segments ../../bpf/segments.bpf.c -- -O2 -mcpu=v3 -Wall -Wno-unused-function -I../../bpf/include -I../../bpf/libbpf
//go:generate go tool -modfile=../../tools/go.mod bpf2go -cc clang-19 -strip llvm-strip-19 -target amd64,arm64 -tags linux -no-global-types -output-stem dns Dns ../../bpf/dns.bpf.c -- -O2 -mcpu=v3 -Wall -Wno-unused-function -I../../bpf/include -I../../bpf/libbpf
//go:generate go tool -modfile=../../tools/go.mod bpf2go -cc clang-19 -strip llvm-strip-19 -target bpfel -no-global-types -type wire_header -type wire_open -type wire_data -type wire_datagram -type wire_close -type wire_acked -type wire_meter -type wire_process -type wire_kind -type wire_role -type wire_data_flags -type wire_datagram_flags -type wire_close_flags -type wire_loss -type wire_part -output-stem wire Raw ../../bpf/wire.bpf.c -- -O2 -Wpadded -I../../bpf/include -I../../bpf/libbpf
