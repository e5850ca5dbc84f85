package grpc

import (
	"testing"
	"time"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

func TestContentTypes(t *testing.T) {
	for text, want := range map[string]kind{
		"application/grpc": native, "application/grpc+proto": native, "application/grpc;x=y": native,
		"application/grpc-web": web, "application/grpc-web+json": web, "application/grpc-web-text+proto": webText,
		"application/grpcx": other, "application/grpc-webx": other, "application/json": other, "": other,
	} {
		if got := kindOf([]byte(text)); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func TestTimeouts(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "99999999m": 99999999 * time.Millisecond,
		"5u": 5 * time.Microsecond, "6n": 6, "": 0, "S": 0, "1": 0, "1x": 0, "123456789S": 0, "-1S": 0,
	} {
		if got := parseTimeout([]byte(text)); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	for after, want := range map[time.Duration]bool{
		900 * time.Millisecond: false, 985 * time.Millisecond: true, time.Second: true,
	} {
		if overdue(time.Second, after) != want || overdue(0, after) {
			t.Errorf("%s", after)
		}
	}
}

func TestStatusText(t *testing.T) {
	for text, want := range map[string]int{"0": 1, "16": 17, "007": 8, "": 0, "-1": 0, "1000": 0, "x": 0} {
		c := Call{}
		if c.Field([]byte("grpc-status"), []byte(text)); c.status != want {
			t.Errorf("%q: %d, want %d", text, c.status, want)
		}
	}
	if name(16) != "UNAUTHENTICATED" || name(17) != "17" {
		t.Error(name(16), name(17))
	}
}

// TestHTTPStatus holds the mapping of statuses of HTTP.
func TestHTTPStatus(t *testing.T) {
	for status, want := range map[int]int{
		400: internal, 401: unauthenticated, 403: permissionDenied, 404: unimplemented, 429: unavailable,
		500: unknown, 502: unavailable, 503: unavailable, 504: unavailable, 302: unknown, 200: none, 0: none,
	} {
		if got := (&Call{}).code(&Outcome{Status: status}); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
}

// TestLateType has the body come before it is known that there are messages in it.
func TestLateType(t *testing.T) {
	c := Call{}
	c.Body(proto.Client, []byte("\x00\x00\x00\x00\x00"), 0)
	c.Field([]byte("content-type"), []byte("application/grpc"))
	if !c.messages[proto.Client].lost || c.messages[proto.Server].lost {
		t.Errorf("%+v", c.messages)
	}
}

// FuzzMessages checks that messages are counted the same in pieces as in one, that
// a hole in the place of a message's own bytes changes nothing, and that little
// is kept.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x02ab\x01\x00\x00\x00\x00\x80\x00\x00\x00\x0egrpc-status: 0"), uint(3))
	f.Fuzz(func(t *testing.T, b []byte, at uint) {
		whole, pieces, holes := Call{kind: web}, Call{kind: web}, messages{}
		whole.Body(proto.Server, b, 0)
		for i := range b {
			pieces.Body(proto.Server, b[i:i+1], 0)
		}
		one, two := &whole.messages[proto.Server], &pieces.messages[proto.Server]
		if one.count != two.count || one.lost != two.lost || whole.status != pieces.status {
			t.Errorf("%+v, in pieces %+v", one, two)
		}
		if len(one.kept) > maxText {
			t.Errorf("%d bytes are kept", len(one.kept))
		}
		for len(b) > 0 {
			n := min(int(at%7)+1, len(b))
			if holes.have == prefixSize && holes.left >= uint64(n) {
				holes.take(nil, uint64(n))
			} else {
				n = 1
				holes.take(b[:1], 0)
			}
			b = b[n:]
		}
		if one.count != holes.count || one.lost != holes.lost {
			t.Errorf("%+v, with holes %+v", one, &holes)
		}
	})
}
