package ebpfreceiver

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A Size is a number of bytes. It is written as a number, or as a number with
// the unit KiB, MiB or GiB.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

const largestSize Size = 1 << 40

// UnmarshalText reads "8MiB".
func (s *Size) UnmarshalText(text []byte) error {
	for _, unit := range sizeUnits {
		number, ok := strings.CutSuffix(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err == nil && n >= 0 && Size(n) <= largestSize/unit.bytes {
			*s = Size(n) * unit.bytes
			return nil
		}
		break
	}
	return fmt.Errorf("%q is not a size; write 8388608, 8192KiB or 8MiB", text)
}

// String returns s in the largest unit that divides it.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s >= unit.bytes && s%unit.bytes == 0 {
			return strconv.FormatInt(int64(s/unit.bytes), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// pageSize is what the size of a ring buffer must be a multiple of.
func pageSize() Size { return max(4096, Size(os.Getpagesize())) }
