package prototest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// format prints an exchange: its name, its times, what is unusual about it, and
// the attributes show names, or all of them with a * behind metric dimensions,
// and what a handshake said.
func format(x *proto.Exchange, show []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s start=%d end=%d", x.Name, x.Start, x.End)
	if x.Err != "" {
		fmt.Fprintf(&b, " error=%s", x.Err)
	}
	if x.Capture != 0 {
		fmt.Fprintf(&b, " capture=%s", capture(x.Capture))
	}
	if int64(x.Thread) != int64(x.Start) {
		fmt.Fprintf(&b, " thread=%d", x.Thread) // the player numbers threads by time
	}
	if p := x.Parent; p.Valid() {
		fmt.Fprintf(&b, " parent=%s-%s-%02x", hex.EncodeToString(p.Trace[:]), hex.EncodeToString(p.Span[:]), p.Flags)
		if p.State != "" {
			fmt.Fprintf(&b, " state=%s", p.State)
		}
	}
	all := slices.Equal(show, []string{"all"})
	for _, a := range x.Attrs {
		switch {
		case all:
			fmt.Fprintf(&b, "\n  %s=%s%s", a.Key, value(a), dimension(a))
		case slices.Contains(show, a.Key):
			fmt.Fprintf(&b, " %s=%s", a.Key, value(a))
		}
	}
	if all && x.TLS != nil {
		formatTLS(&b, x.TLS)
	}
	return b.String() + "\n"
}

func formatTLS(b *strings.Builder, h *proto.TLS) {
	fmt.Fprintf(b, "\n  established=%t from=%d to=%d", h.Established, h.Start, h.End)
	if h.ServerName != "" {
		fmt.Fprintf(b, " name=%s", h.ServerName)
	}
	for _, a := range h.Attrs(nil) {
		fmt.Fprintf(b, "\n    %s=%s", a.Key, value(a))
	}
}

func value(a proto.Attr) string {
	switch a.Kind {
	case proto.KindBool:
		return strconv.FormatBool(a.Int != 0)
	case proto.KindInt:
		return strconv.FormatInt(a.Int, 10)
	case proto.KindList:
		return fmt.Sprintf("%q", a.List)
	}
	return a.Str
}

func dimension(a proto.Attr) string {
	if a.Metric {
		return " *"
	}
	return ""
}

func capture(c proto.Capture) string {
	var names []string
	for i, name := range []string{"cut-head", "gap", "no-response", "unknown-end"} {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
