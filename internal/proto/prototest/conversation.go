package prototest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A conversation is a file taken apart.
type conversation struct {
	side   proto.Side
	tls    bool
	config string
	show   []string
	steps  []step
	want   string
	frames *framer // nil: sections are bytes
}

// A step is one section that takes time.
type step struct {
	kind   kind
	from   proto.Side
	bytes  []byte
	hole   uint64
	end    bool   // the last byte ended a system call
	reason string // of the close

	missing [2]int // the bytes that Lose lost
	holes   []hole // of thrift, between the bytes
	starts  []int  // bytes that begin a frame, as the kernel side says
}

// A hole is behind so many bytes of a step.
type hole struct {
	at   int
	size uint64
}

type kind int

const (
	sent kind = iota
	thrift
	lost
	eof
	closed
)

func load(t testing.TB, path string) *conversation {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &conversation{side: proto.Server}
	for _, s := range sections(string(text)) {
		if err := c.section(strings.Fields(s.title), s.text); err != nil {
			t.Fatalf("%s: %s: %v", path, s.title, err)
		}
	}
	c.finish()
	return c
}

type section struct{ title, text string }

// sections splits a file at its "-- title --" lines.
func sections(text string) (all []section) {
	for line := range strings.Lines(text) {
		title, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		title, closed := strings.CutSuffix(title, " --")
		if ok && closed {
			all = append(all, section{title: title})
		} else if len(all) > 0 {
			all[len(all)-1].text += line
		}
	}
	return all
}

func (c *conversation) section(words []string, text string) error {
	switch words[0] {
	case "client":
		return c.step(proto.Client, words[1:], text)
	case "server":
		return c.step(proto.Server, words[1:], text)
	case "close":
		c.steps = append(c.steps, step{kind: closed, reason: words[1]})
	case "process":
		if words[1] == "client" {
			c.side = proto.Client
		}
		c.tls = words[len(words)-1] == "tls"
	case "config":
		c.config = text
	case "frames":
		c.frames = newFramer()
	case "joined":
		c.steps = nil
	case "unmarked":
		c.steps = unmark(c.steps)
	case "show":
		c.show = strings.Fields(text)
	case "want":
		c.want = text
	default:
		return fmt.Errorf("no such section")
	}
	return nil
}

// step adds what one side did; how is what follows the side in the title.
func (c *conversation) step(from proto.Side, how []string, text string) (err error) {
	s := step{from: from, end: true}
	switch {
	case len(how) == 0 || how[0] == "more":
		s.end = len(how) == 0
		if c.frames != nil {
			err = c.frames.write(&s, text)
			break
		}
		s.bytes, err = unescape(text)
	case how[0] == "lost" && c.frames != nil && len(how) == 1:
		err = c.frames.write(&s, text)
		s.missing = [2]int{0, len(s.bytes)}
	case how[0] == "eof":
		s.kind = eof
	case len(how) == 2 && (how[0] == "thrift" || how[0] == "lost"):
		s.kind = map[string]kind{"thrift": thrift, "lost": lost}[how[0]]
		s.hole, err = strconv.ParseUint(how[1], 10, 64)
	default:
		err = fmt.Errorf("no such section")
	}
	c.steps = append(c.steps, s)
	return err
}

func unescape(text string) ([]byte, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\n", ""), `"`, `\"`)
	s, err := strconv.Unquote(`"` + text + `"`)
	return []byte(s), err
}

// finish clears the end of calls that go on in a hole, and closes the connection.
func (c *conversation) finish() {
	for i := 1; i < len(c.steps); i++ {
		if s := c.steps[i]; s.kind == thrift && s.from == c.steps[i-1].from {
			c.steps[i-1].end = false
		}
	}
	if n := len(c.steps); n == 0 || c.steps[n-1].kind != closed {
		c.steps = append(c.steps, step{kind: closed, reason: proto.ReasonClosed})
	}
}

// rewrite makes got the last section of the file.
func (c *conversation) rewrite(t testing.TB, path, got string) {
	t.Helper()
	const title = "-- want --\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), title)
	if err := os.WriteFile(path, []byte(before+title+got), 0o644); err != nil {
		t.Fatal(err)
	}
	c.want = got
}
