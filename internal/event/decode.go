package event

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unsafe"

	"github.com/edf076de/ebpfreceiver/internal/bpf"
)

// Kind tells what happened: enum wire_kind of bpf/include/wire.h.
type Kind uint16

// The kinds.
const (
	Open     = Kind(bpf.RawWireKindWIRE_OPEN)
	Data     = Kind(bpf.RawWireKindWIRE_DATA)
	Close    = Kind(bpf.RawWireKindWIRE_CLOSE)
	Process  = Kind(bpf.RawWireKindWIRE_PROCESS)
	Exit     = Kind(bpf.RawWireKindWIRE_EXIT)
	Acked    = Kind(bpf.RawWireKindWIRE_ACKED)
	Datagram = Kind(bpf.RawWireKindWIRE_DATAGRAM)
)

// Flags of a Data event: enum wire_data_flags.
const (
	Sent       = uint16(bpf.RawWireDataFlagsWIRE_SENT)
	Run        = uint16(bpf.RawWireDataFlagsWIRE_RUN)
	End        = uint16(bpf.RawWireDataFlagsWIRE_END)
	Fault      = uint16(bpf.RawWireDataFlagsWIRE_FAULT)
	Unreadable = uint16(bpf.RawWireDataFlagsWIRE_UNREADABLE)
	Raced      = uint16(bpf.RawWireDataFlagsWIRE_RACED)
	Full       = uint16(bpf.RawWireDataFlagsWIRE_FULL)
	Frame      = uint16(bpf.RawWireDataFlagsWIRE_FRAME)
	Unwalked   = uint16(bpf.RawWireDataFlagsWIRE_UNWALKED)
	Ahead      = uint16(bpf.RawWireDataFlagsWIRE_AHEAD)
)

// A Verdict is what is asked of the kernel side for a connection: enum wire_verdict.
type Verdict uint8

// The verdicts.
const (
	Mute   = Verdict(bpf.RawWireVerdictWIRE_VERDICT_MUTE)   // nothing more
	Frames = Verdict(bpf.RawWireVerdictWIRE_VERDICT_FRAMES) // a copy by frames of HTTP/2
	Carry  = Verdict(bpf.RawWireVerdictWIRE_VERDICT_CARRY)  // no bytes, but its times, its meter and its end
)

// Closed is what flags a Datagram event may have beside Sent: enum wire_datagram_flags.
const Closed = uint16(bpf.RawWireDatagramFlagsWIRE_DATAGRAM_CLOSED)

// Flags of a Close event: enum wire_close_flags.
const (
	SentFIN     = uint16(bpf.RawWireCloseFlagsWIRE_SENT_FIN)
	ReceivedFIN = uint16(bpf.RawWireCloseFlagsWIRE_RECEIVED_FIN)
	Gone        = uint16(bpf.RawWireCloseFlagsWIRE_GONE)
)

// Roles of an Open event: enum wire_role.
const (
	RoleUnknown = uint8(bpf.RawWireRoleWIRE_ROLE_UNKNOWN)
	RoleActive  = uint8(bpf.RawWireRoleWIRE_ROLE_ACTIVE)
	RolePassive = uint8(bpf.RawWireRoleWIRE_ROLE_PASSIVE)
)

// An Event is one record. What the kind does not have is left from the event
// before. Payload and Tail alias the record.
type Event struct {
	Kind  Kind
	Flags uint16
	PID   uint32        // in the initial PID namespace
	Time  time.Duration // since boot (CLOCK_MONOTONIC); of Data: the first byte's
	Conn  uint64

	// Data; of Datagram, where Conn is the socket: Size, TID, Payload, and the addresses of OpenInfo
	Offset  uint64        // of the first byte in its direction's stream
	Other   uint64        // how far the other direction's stream was
	Size    uint32        // bytes of the stream the event stands for
	Last    time.Duration // the last byte's time
	TID     uint32
	Payload []byte        // the first bytes of Size
	Tail    []byte        // its last bytes, when Payload does not reach them
	Arrived time.Duration // received: since when bytes waited to be read; zero unknown
	Acked   time.Duration // when all that was sent was acknowledged; zero not yet, or unknown
	Lost    uint32        // Datagram: how many of all processes were lost until now

	Meter // Data, Close, Acked

	OpenInfo    // Open; of Datagram: Local, Remote (not valid when unknown) and NetNS
	CloseInfo   // Close
	ProcessInfo // Process
}

// OpenInfo introduces a connection.
type OpenInfo struct {
	Local, Remote netip.AddrPort
	Role          uint8
	Midstream     bool // offsets count from the first bytes seen
	NetNS         uint32
	Carrier       uint64 // of plaintext beside TLS: the connection whose socket it travels on; else 0

	// When the handshake began and ended, and when the process accepted; zero unknown.
	Connect, Established, Accepted time.Duration
}

// A Meter says what has hindered a connection since it began: struct wire_meter.
type Meter struct {
	Retransmits uint32        // segments
	RTO         time.Duration // spent waiting for retransmission timers
	SRTT        time.Duration // smoothed round-trip time; zero unknown
	MinRTT      time.Duration // the shortest of the last minutes; zero unknown
	ZeroWindows uint32        // times the peer's window was closed while bytes waited
	OutOfOrder  uint32        // segments that came while one before them was missing
}

// CloseInfo says how far each stream went, and the socket's error if it had one.
type CloseInfo struct {
	SentLen, ReceivedLen uint64
	Errno                uint32
}

// ProcessInfo introduces a process.
type ProcessInfo struct {
	Start     time.Duration // since boot (CLOCK_BOOTTIME)
	ParentPID uint32
	Comm      string
	Exe       string
	Command   string
	Cgroup    string
	Env       []string // OTEL_SERVICE_NAME=…, OTEL_RESOURCE_ATTRIBUTES=…
}

// ErrShort says that a record ends before its fields do.
var ErrShort = errors.New("record too short")

// Decode reads one record into e. It accepts any bytes. Integers are in the
// host's order, which is the kernel's.
func Decode(record []byte, e *Event) error {
	h, ok := view[bpf.RawWireHeader](record)
	if !ok {
		return ErrShort
	}
	e.Kind, e.Flags, e.PID = Kind(h.Kind), h.Flags, h.Tgid
	e.Time, e.Conn = time.Duration(h.Time), h.Conn
	switch e.Kind {
	case Data:
		return e.data(record)
	case Datagram:
		return e.datagram(record)
	case Open:
		return e.open(record)
	case Close:
		return e.close(record)
	case Process:
		return e.process(record)
	case Acked:
		return e.acked(record)
	case Exit:
		return nil
	}
	return fmt.Errorf("record of unknown kind %d", e.Kind)
}

// view reads the front of a record as a T. Records begin at multiples of eight
// bytes; a record from elsewhere that does not is copied.
func view[T any](record []byte) (*T, bool) {
	var t T
	size := int(unsafe.Sizeof(t))
	if len(record) < size {
		return nil, false
	}
	p := unsafe.Pointer(unsafe.SliceData(record))
	if uintptr(p)%unsafe.Alignof(t) == 0 {
		return (*T)(p), true
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&t)), size), record)
	return &t, true
}

func (e *Event) data(record []byte) error {
	d, ok := view[bpf.RawWireData](record)
	if !ok {
		return ErrShort
	}
	payload := record[unsafe.Sizeof(*d):]
	if int(d.Captured) > len(payload) || uint32(d.Captured) > d.Size || int(d.TailLen) > len(d.Tail) ||
		uint32(d.Captured)+uint32(d.TailLen) > d.Size {
		return fmt.Errorf("data record of %d bytes with %d captured and a tail of %d: %w", d.Size, d.Captured, d.TailLen, ErrShort)
	}
	e.Offset, e.Other, e.Size, e.TID = d.Offset, d.Other, d.Size, d.Tid
	e.Last = e.Time + time.Duration(d.TookUs)*time.Microsecond
	e.Payload = payload[:d.Captured:d.Captured]
	at := unsafe.Offsetof(d.Tail)
	e.Tail = record[at : at+uintptr(d.TailLen)]
	e.Arrived, e.Acked = time.Duration(d.Arrived), time.Duration(d.Acked)
	e.meter(&d.Meter)
	return nil
}

func (e *Event) acked(record []byte) error {
	a, ok := view[bpf.RawWireAcked](record)
	if !ok {
		return ErrShort
	}
	e.Offset, e.Acked = a.Offset, e.Time
	e.meter(&a.Meter)
	return nil
}

func (e *Event) meter(m *bpf.RawWireMeter) {
	e.Meter = Meter{
		Retransmits: m.Retransmits, ZeroWindows: m.ZeroWindows, OutOfOrder: m.OutOfOrder,
		RTO:    time.Duration(m.RtoUs) * time.Microsecond,
		SRTT:   time.Duration(m.SrttUs) * time.Microsecond,
		MinRTT: time.Duration(m.MinRttUs) * time.Microsecond,
	}
}

func (e *Event) datagram(record []byte) error {
	d, ok := view[bpf.RawWireDatagram](record)
	if !ok {
		return ErrShort
	}
	payload := record[unsafe.Sizeof(*d):]
	if int(d.Captured) > len(payload) || uint32(d.Captured) > d.Size {
		return fmt.Errorf("datagram of %d bytes with %d captured: %w", d.Size, d.Captured, ErrShort)
	}
	e.Size, e.TID, e.Last, e.Lost = d.Size, d.Tid, e.Time, d.Lost
	e.Payload, e.Tail = payload[:d.Captured:d.Captured], nil
	e.OpenInfo = OpenInfo{NetNS: d.Netns, Local: netip.AddrPortFrom(address(d.Family, d.Local), d.LocalPort)}
	if d.RemotePort != 0 {
		e.Remote = netip.AddrPortFrom(address(d.Family, d.Remote), d.RemotePort)
	}
	return nil
}

func (e *Event) open(record []byte) error {
	o, ok := view[bpf.RawWireOpen](record)
	if !ok {
		return ErrShort
	}
	e.OpenInfo = OpenInfo{
		Role: o.Role, Midstream: o.Midstream != 0,
		Connect: time.Duration(o.Connect), Established: time.Duration(o.Established), Accepted: time.Duration(o.Accepted),
		NetNS: o.Netns, Carrier: o.Carrier,
		Local:  netip.AddrPortFrom(address(o.Family, o.Local), o.LocalPort),
		Remote: netip.AddrPortFrom(address(o.Family, o.Remote), o.RemotePort),
	}
	return nil
}

const afINET = 2

func address(family uint16, b [16]byte) netip.Addr {
	if family == afINET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b).Unmap()
}

func (e *Event) close(record []byte) error {
	c, ok := view[bpf.RawWireClose](record)
	if !ok {
		return ErrShort
	}
	e.CloseInfo = CloseInfo{SentLen: c.Sent, ReceivedLen: c.Received, Errno: c.Error}
	e.Acked = time.Duration(c.Acked)
	e.meter(&c.Meter)
	return nil
}

func (e *Event) process(record []byte) error {
	p, ok := view[bpf.RawWireProcess](record)
	if !ok {
		return ErrShort
	}
	e.ProcessInfo = ProcessInfo{
		Start: time.Duration(p.Start), ParentPID: p.Ppid,
		Comm: cString(p.Comm[:]), Command: cString(p.Command[:]),
		Exe: tailString(p.Exe[:], p.ExeAt), Cgroup: tailString(p.Cgroup[:], p.CgroupAt),
	}
	env := p.Env[:min(int(e.Flags), len(p.Env))]
	for s := range bytes.SplitSeq(env, []byte{0}) {
		if len(s) > 0 {
			e.Env = append(e.Env, strings.ToValidUTF8(string(s), "\ufffd"))
		}
	}
	return nil
}

// cString is what stands before the first NUL.
func cString(b []byte) string {
	return strings.ToValidUTF8(string(beforeNUL(b)), "\ufffd")
}

func beforeNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b
}

// tailString is what stands from at on; nothing when at is the end.
func tailString(b []byte, at uint16) string {
	if int(at) >= len(b) {
		return ""
	}
	return cString(b[at:])
}
