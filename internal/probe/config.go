package probe

// Config says what the kernel side observes and how much it may use.
type Config struct {
	Include, Exclude []Target
	CaptureBytes     int // of each message head, 64 to 4096
	RingBytes        int // a power of two and a multiple of the page size
	MaxConnections   int

	// Latency says to watch segments too: when they came, were acknowledged and
	// were sent again. AcceptFromSyscalls says to see accepts at the exit of
	// every system call where the kernel shows them nowhere else.
	Latency, AcceptFromSyscalls bool

	TLS bool // read plaintext at the boundary of TLS libraries
	// Unprobed is told once of each file with a TLS library of which not everything
	// can be probed. It may be nil.
	Unprobed func(path string, err error)
	Execs    bool // tell of new executables, for a Watcher; so does TLS

	Health     bool // add up how connections fare
	HealthPeer bool // by peer address too
	MaxSeries  int  // series of Health, those included that hold what has no room
}

// A Target selects connections: fields that are not empty must all match, by any of their values.
type Target struct {
	Ports       []PortRange // local port of an accepted connection, remote port of an opened one
	Executables []string    // globs on the executable's path; * matches any run of bytes, ? one
	PIDs        []uint32    // processes and their descendants
	Cgroups     []string    // globs on the cgroup v2 path
}

// PortRange is a range of TCP ports, both ends included.
type PortRange struct{ First, Last uint16 }

// MaxTargets is how many targets Include and Exclude may each hold.
const MaxTargets = 32

// MaxGlobs is how many different globs all targets may name, and MaxGlob how
// many bytes one may have (bpf/include/select.h).
const (
	MaxGlobs = 64
	MaxGlob  = 127
)

// A State says what became of one hook.
type State struct {
	Hook string // "recv"
	Form string // "tp_btf/sock_recv_length"; empty when none attached
	Err  error  // why none attached, or what one that is does not see
}

// SegmentHook is the hook without which nothing is known of the time of spans.
const SegmentHook = "segment"

// A Loss is something the kernel side could not deliver.
type Loss struct {
	Reason string // "ring_full"
	Part   string // "request", "response", "body", "close", "process"
	Count  uint64 // since Open
}
