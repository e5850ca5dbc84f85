package metrics

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

// A dims holds the dimensions of the exchange at hand. Its memory is used again
// for the next one.
type dims struct {
	attrs []*proto.Attr // sorted by key
	err   proto.Attr
	key   []byte
}

// of takes the dimensions of x and returns their key: two exchanges have the
// same key if and only if they have the same dimensions in any order. It is
// valid until the next call.
func (d *dims) of(x *proto.Exchange) []byte {
	d.attrs = d.attrs[:0]
	for i := range x.Attrs {
		if x.Attrs[i].Metric {
			d.attrs = append(d.attrs, &x.Attrs[i])
		}
	}
	if x.Err != "" {
		d.err = proto.Str("error.type", x.Err)
		d.attrs = append(d.attrs, &d.err)
	}
	slices.SortFunc(d.attrs, func(a, b *proto.Attr) int { return strings.Compare(a.Key, b.Key) })
	d.key = d.key[:0]
	for _, a := range d.attrs {
		d.key = appendAttr(d.key, a)
	}
	return d.key
}

// attributes returns the dimensions last taken, in memory of their own.
func (d *dims) attributes() pcommon.Map {
	m := pcommon.NewMap()
	m.EnsureCapacity(len(d.attrs))
	for _, a := range d.attrs {
		switch a.Kind {
		case proto.KindStr:
			m.PutStr(a.Key, strings.Clone(valid(a.Str)))
		case proto.KindInt:
			m.PutInt(a.Key, a.Int)
		case proto.KindBool:
			m.PutBool(a.Key, a.Int != 0)
		case proto.KindList:
			list := m.PutEmptySlice(a.Key)
			for _, v := range a.List {
				list.AppendEmpty().SetStr(strings.Clone(valid(v)))
			}
		}
	}
	return m
}

// overflowKey is the key of the series that takes what the limit refuses. No
// dimensions have it: theirs begins with a kind or is empty.
const overflowKey = "\xff"

// overflowDims are the dimensions of that series.
//
// Source: OpenTelemetry specification, metrics SDK, "Overflow attribute".
func overflowDims() pcommon.Map {
	m := pcommon.NewMap()
	m.PutBool("otel.metric.overflow", true)
	return m
}

// appendAttr writes an attribute such that the end of each part is known.
func appendAttr(to []byte, a *proto.Attr) []byte {
	to = append(to, byte(a.Kind))
	to = appendText(to, a.Key)
	switch a.Kind {
	case proto.KindStr:
		to = appendText(to, valid(a.Str))
	case proto.KindInt, proto.KindBool:
		to = binary.LittleEndian.AppendUint64(to, uint64(a.Int))
	case proto.KindList:
		to = binary.AppendUvarint(to, uint64(len(a.List)))
		for _, v := range a.List {
			to = appendText(to, valid(v))
		}
	}
	return to
}

func appendText(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

// valid replaces bytes that are not UTF-8, before strings are compared: two
// that are delivered as one must be one series.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
