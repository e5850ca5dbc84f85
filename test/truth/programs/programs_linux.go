// Package programs holds the observed programs of the truth test: an HTTP server
// and a client that do as they are told, a server of names, and what each of
// them did and when, to the step. They read and write their sockets themselves,
// so that nothing but them decides when.
package programs

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/edf076de/ebpfreceiver/test/apps"
)

// Register makes the programs apps of this binary. Call it before apps.Main.
func Register() {
	apps.Register("truth-server", server)
	apps.Register("truth-client", client)
	apps.Register("truth-names", names)
}

// A Step is one call that moved bytes. Times are of CLOCK_MONOTONIC.
type Step struct {
	At   time.Duration // when it was called
	Done time.Duration // when it returned
	N    int
}

// A Message is a request or a response as one of the programs moved it.
type Message struct {
	From, To uint64 // its place in the stream of its direction
	Steps    []Step
}

// First returns when the first call that moved bytes was made; 0: there was none.
func (m *Message) First() time.Duration {
	if len(m.Steps) == 0 {
		return 0
	}
	return m.Steps[0].At
}

// Last returns when the last call that moved bytes returned; 0: there was none.
func (m *Message) Last() time.Duration {
	if len(m.Steps) == 0 {
		return 0
	}
	return m.Steps[len(m.Steps)-1].Done
}

// Served is what the server did for a request.
type Served struct {
	Path     string
	Accepted time.Duration // 0: with an earlier request
	Request  Message
	Response Message
}

// Sent is what the client did for a request.
type Sent struct {
	Path          string
	Local, Remote string           // addresses
	Lookup        [2]time.Duration // from, to; 0: no look-up
	Connect       [2]time.Duration // 0: the connection was there
	Request       Message
	Response      Message
	Status        int
	End           time.Duration // when the client had done with it
	Err           string
}

// printer prints one line of JSON at a time.
var printer struct {
	sync.Mutex
}

func tell(v any) {
	printer.Lock()
	defer printer.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(v)
}
