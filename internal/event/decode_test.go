package event

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
)

// record returns the bytes of a wire struct, with more behind it.
func record[T any](t T, more string) []byte {
	return append(bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&t)), unsafe.Sizeof(t))), more...)
}

func TestDecodeData(t *testing.T) {
	raw := bpf.RawWireData{
		H:      bpf.RawWireHeader{Kind: uint16(Data), Flags: Sent | End, Tgid: 7, Time: 1000, Conn: 42},
		Offset: 5, Other: 9, Size: 20, TookUs: 3, Tid: 8, Captured: 4, TailLen: 2, Tail: [16]uint8{'y', 'z'},
	}
	var e Event
	require.NoError(t, Decode(record(raw, "abcd\x00\x00\x00\x00"), &e))
	require.Equal(t, Data, e.Kind)
	require.Equal(t, "abcd", string(e.Payload))
	require.Equal(t, "yz", string(e.Tail))
	require.Equal(t, time.Duration(1000), e.Time)
	require.Equal(t, time.Duration(4000), e.Last)
	require.Equal(t, uint32(7), e.PID)

	raw.Captured = 9 // more than follows
	require.ErrorIs(t, Decode(record(raw, "abcd"), &e), ErrShort)
	raw.Captured, raw.Size = 4, 5 // captured and tail overlap
	require.ErrorIs(t, Decode(record(raw, "abcd"), &e), ErrShort)
}

func TestDecodeDatagram(t *testing.T) {
	raw := bpf.RawWireDatagram{
		H: bpf.RawWireHeader{Kind: uint16(Datagram), Flags: Sent, Tgid: 7, Time: 1000, Conn: 42}, Tid: 8,
		Size: 3, Captured: 3, Family: afINET, LocalPort: 4000, RemotePort: 53, Remote: [16]uint8{127, 0, 0, 53},
	}
	var e Event
	require.NoError(t, Decode(record(raw, "abc\x00"), &e))
	require.Equal(t, "abc", string(e.Payload))
	require.Equal(t, netip.MustParseAddrPort("127.0.0.53:53"), e.Remote)
	require.Equal(t, uint32(8), e.TID)
	require.Equal(t, uint64(42), e.Conn)

	raw.RemotePort = 0
	require.NoError(t, Decode(record(raw, "abc\x00"), &e))
	require.False(t, e.Remote.IsValid())

	require.ErrorIs(t, Decode(record(raw, "ab"), &e), ErrShort)
	raw.Size = 2
	require.ErrorIs(t, Decode(record(raw, "abc"), &e), ErrShort)
}

func TestDecodeOpen(t *testing.T) {
	raw := bpf.RawWireOpen{
		H: bpf.RawWireHeader{Kind: uint16(Open)}, Family: afINET, LocalPort: 80, RemotePort: 40000,
		Role: RolePassive, Local: [16]uint8{127, 0, 0, 1}, Remote: [16]uint8{10, 0, 0, 2},
	}
	var e Event
	require.NoError(t, Decode(record(raw, ""), &e))
	require.Equal(t, netip.MustParseAddrPort("127.0.0.1:80"), e.Local)
	require.Equal(t, netip.MustParseAddrPort("10.0.0.2:40000"), e.Remote)

	raw.Family, raw.Local = 10, [16]uint8{10: 0xff, 11: 0xff, 12: 192, 15: 1}
	require.NoError(t, Decode(record(raw, ""), &e))
	require.Equal(t, "192.0.0.1", e.Local.Addr().String(), "IPv4 in an IPv6 socket")
}

func TestDecodeProcess(t *testing.T) {
	raw := bpf.RawWireProcess{ExeAt: 250, CgroupAt: 256}
	env := "OTEL_SERVICE_NAME=shop\x00OTEL_RESOURCE_ATTRIBUTES=a=b\x00leftover"
	copy(raw.Exe[250:], "/bin/x")
	copy(raw.Comm[:], "x")
	copy(raw.Env[:], env)
	raw.H = bpf.RawWireHeader{Kind: uint16(Process), Flags: uint16(len(env) - len("leftover")), Tgid: 3}
	var e Event
	require.NoError(t, Decode(record(raw, ""), &e))
	require.Equal(t, "/bin/x", e.Exe)
	require.Equal(t, "x", e.Comm)
	require.Empty(t, e.Cgroup)
	require.Equal(t, []string{"OTEL_SERVICE_NAME=shop", "OTEL_RESOURCE_ATTRIBUTES=a=b"}, e.Env)
}

func TestDecodeShort(t *testing.T) {
	for _, kind := range []Kind{Open, Data, Datagram, Close, Process, 99} {
		var e Event
		b := record(bpf.RawWireHeader{Kind: uint16(kind)}, "")
		require.Error(t, Decode(b, &e), "kind %d without its fields", kind)
		require.ErrorIs(t, Decode(b[:5], &e), ErrShort)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(record(bpf.RawWireData{H: bpf.RawWireHeader{Kind: uint16(Data)}, Size: 9, Captured: 3}, "abc"))
	f.Add(record(bpf.RawWireDatagram{H: bpf.RawWireHeader{Kind: uint16(Datagram)}, Size: 9, Captured: 3}, "abc"))
	f.Add(record(bpf.RawWireOpen{H: bpf.RawWireHeader{Kind: uint16(Open)}}, ""))
	f.Add(record(bpf.RawWireClose{H: bpf.RawWireHeader{Kind: uint16(Close)}}, ""))
	f.Add(record(bpf.RawWireProcess{H: bpf.RawWireHeader{Kind: uint16(Process)}, ExeAt: 3}, ""))
	f.Add(record(bpf.RawWireAcked{H: bpf.RawWireHeader{Kind: uint16(Acked)}, Offset: 3}, ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Event
		if Decode(b, &e) != nil {
			return
		}
		var again Event
		require.NoError(t, Decode(clean(b), &again))
		require.Equal(t, e, again, "cleaned")
		if e.Kind != Data && e.Kind != Datagram {
			return
		}
		if uint64(len(e.Payload))+uint64(len(e.Tail)) > uint64(e.Size) {
			t.Errorf("%d bytes of payload and %d of tail in %d", len(e.Payload), len(e.Tail), e.Size)
		}
	})
}

// TestClean holds that a recording has nothing that was in the ring before.
func TestClean(t *testing.T) {
	secret := func(n int) (b [1024]byte) {
		copy(b[n:], "SECRET=1")
		return b
	}
	env := secret(6)
	copy(env[:], "OTEL=1")
	p := bpf.RawWireProcess{H: bpf.RawWireHeader{Kind: uint16(Process), Flags: 6}, ExeAt: 200, CgroupAt: 256, Env: env}
	copy(p.Exe[:], "SECRET")
	copy(p.Command[:], "cmd\x00SECRET")
	require.NotContains(t, string(clean(record(p, ""))), "SECRET")
	d := bpf.RawWireData{H: bpf.RawWireHeader{Kind: uint16(Data)}, Size: 9, Captured: 3}
	require.NotContains(t, string(clean(record(d, "abcSECRET"))), "SECRET")
	g := bpf.RawWireDatagram{H: bpf.RawWireHeader{Kind: uint16(Datagram)}, Size: 9, Captured: 3}
	require.NotContains(t, string(clean(record(g, "abcSECRET"))), "SECRET")
}

func TestRecording(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.rec")
	f, err := os.Create(path)
	require.NoError(t, err)
	rec := NewRecorder(&list{[]byte("one"), []byte("three")}, f)
	require.NoError(t, rec.Drain(func([]byte) {}))
	require.NoError(t, errors.Join(rec.Flush(), f.Close()))

	b, err := os.ReadFile(path)
	require.NoError(t, err)
	r, err := NewRecording(bytes.NewReader(b))
	require.NoError(t, err)
	var got []string
	require.NoError(t, r.Drain(func(b []byte) { got = append(got, string(b)) }))
	require.Equal(t, []string{"one", "three"}, got)
	require.ErrorIs(t, r.Drain(nil), io.EOF)

	r, err = NewRecording(bytes.NewReader(b[:len(b)-1]))
	require.NoError(t, err)
	require.Error(t, r.Drain(func([]byte) {}), "cut in a record")
	_, err = NewRecording(bytes.NewReader([]byte("something else")))
	require.Error(t, err)
}

// list is a Source of given records.
type list [][]byte

func (l *list) Drain(take func([]byte)) error {
	for _, r := range *l {
		take(r)
	}
	*l = nil
	return nil
}

func (*list) Wait(time.Duration) error { return nil }
func (*list) Wake()                    {}

func BenchmarkDecode(b *testing.B) {
	raw := record(bpf.RawWireData{H: bpf.RawWireHeader{Kind: uint16(Data)}, Size: 100, Captured: 100}, string(make([]byte, 104)))
	var e Event
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(raw, &e); err != nil {
			b.Fatal(err)
		}
	}
}
