// Package internal_test holds the shape of the module: which package may import
// which, and that each says what it is.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/edf076de/ebpfreceiver"

// doors names, for each package below internal, the packages below internal it
// may import. "proto/*" is any protocol without a line of its own. The receiver
// and the end-to-end tests may import everything.
var doors = map[string]string{
	"bpf":             "",
	"conn":            "event process proto",
	"correlate":       "conn proto",
	"event":           "bpf",
	"exe":             "",
	"health":          "",
	"latency":         "conn proto",
	"metrics":         "conn health process proto",
	"names":           "",
	"nat":             "",
	"pipeline":        "conn correlate event health latency metrics names process proto proto/dns resource spans",
	"probe":           "bpf event exe health process",
	"process":         "",
	"proto":           "",
	"proto/*":         "proto",
	"proto/grpc":      "proto proto/http",
	"proto/http1":     "proto proto/http",
	"proto/http2":     "proto proto/grpc proto/http",
	"proto/prototest": "proto",
	"resource":        "process",
	"spans":           "conn correlate latency proto",
}

// outside names, for each foreign module or package, the packages of this module
// (with all below them) that may import it. The longest prefix decides. A
// dependency that is not here is new: say why it is needed in docs/decisions.
var outside = map[string]string{
	"github.com/cilium/ebpf":              "internal/bpf internal/probe",
	"github.com/stretchr/testify":         "receiver/ebpfreceiver/internal/metadatatest",
	"go.opentelemetry.io/collector":       "receiver",
	"go.opentelemetry.io/collector/pdata": "internal/correlate internal/metrics internal/pipeline internal/resource internal/spans receiver",
	"go.opentelemetry.io/otel":            "receiver",
	"go.uber.org/zap":                     "receiver",
	"golang.org/x/arch":                   "internal/exe",
	"golang.org/x/net/dns/dnsmessage":     "internal/proto/dns",
	"golang.org/x/net/http2/hpack":        "internal/proto",
	"golang.org/x/sys":                    "internal/nat internal/pipeline internal/probe",
	"go.opentelemetry.io/otel/sdk/metric": "receiver/ebpfreceiver/internal/metadatatest",
}

func TestDoors(t *testing.T) {
	for name, p := range packages(t) {
		if in, ok := strings.CutPrefix(name, "internal/"); ok {
			checkDoors(t, in, p.imports)
		}
	}
}

func checkDoors(t *testing.T, pkg string, imports []string) {
	t.Helper()
	may, known := rule(pkg)
	if !known {
		t.Errorf("internal/%s has no doors: give it a line", pkg)
		return
	}
	for _, imported := range imports {
		of, ours := strings.CutPrefix(imported, module+"/")
		if of, below := strings.CutPrefix(of, "internal/"); ours && (!below || !may(of)) {
			t.Errorf("internal/%s must not import %s", pkg, imported)
		}
	}
}

// rule returns what a package may import. The list of the protocols imports all
// of them.
func rule(pkg string) (may func(string) bool, known bool) {
	if pkg == "proto/all" {
		return func(of string) bool { return of == "proto" || path.Dir(of) == "proto" }, true
	}
	list, known := doors[pkg]
	if !known {
		list, known = doors[path.Dir(pkg)+"/*"]
	}
	return func(of string) bool { return slices.Contains(strings.Fields(list), of) }, known
}

func TestOutside(t *testing.T) {
	for name, p := range packages(t) {
		if strings.HasPrefix(name, "test/") {
			continue
		}
		for _, imported := range p.imports {
			if foreign(imported) && !mayImport(name, imported) {
				t.Errorf("%s must not import %s", name, imported)
			}
		}
	}
}

// foreign reports whether a package is of another module: only those have a
// domain for their first part.
func foreign(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".") && !within(imported, module)
}

func mayImport(pkg, imported string) bool {
	longest := ""
	for prefix := range outside {
		if within(imported, prefix) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	return slices.ContainsFunc(strings.Fields(outside[longest]), func(who string) bool { return within(pkg, who) })
}

// within reports whether a path is another or lies below it.
func within(path, parent string) bool { return path == parent || strings.HasPrefix(path, parent+"/") }

// TestRules tries the rules themselves: one that allows everything fails nothing.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"spans", "conn", true},
		{"spans", "metrics", false},
		{"conn", "correlate", false},
		{"proto/redis", "proto", true},
		{"proto/redis", "proto/http", false},
		{"proto/http2", "proto/grpc", true},
		{"proto/all", "proto/redis", true},
		{"proto/all", "conn", false},
	} {
		if may, known := rule(c.from); !known || may(c.to) != c.want {
			t.Errorf("%s may import %s: want %t", c.from, c.to, c.want)
		}
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"internal/probe", "github.com/cilium/ebpf/ringbuf", true},
		{"internal/event", "github.com/cilium/ebpf", false},
		{"internal/spans", "go.opentelemetry.io/collector/pdata/ptrace", true},
		{"internal/conn", "go.opentelemetry.io/collector/pdata/ptrace", false},
		{"internal/pipeline", "go.opentelemetry.io/collector/consumer", false},
		{"receiver/ebpfreceiver", "go.opentelemetry.io/collector/consumer", true},
		{"internal/proto/http2", "golang.org/x/net/http2/hpack", true},
		{"receiver/ebpfreceiver", "example.com/new", false},
	} {
		if mayImport(c.from, c.to) != c.want {
			t.Errorf("%s may import %s: want %t", c.from, c.to, c.want)
		}
	}
}

func TestPackageComments(t *testing.T) {
	for name, p := range packages(t) {
		if p.written && !p.documented {
			t.Errorf("%s has no package comment", name)
		}
	}
}

// A pkg is what the files of one package say, those for other systems included
// and tests not.
type pkg struct {
	imports    []string
	written    bool // by hand, at least in part
	documented bool
}

// packages reads every package of the module, by its path below the module's.
// It reads the files itself, so that a cached result of the tests is forgotten
// when one of them changes.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	found := map[string]pkg{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipForeign(file, d.Name())
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(file, ".."+string(filepath.Separator))))
		found[name] = found[name].with(f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("found only %v", slices.Sorted(maps.Keys(found)))
	}
	return found
}

// skipForeign leaves out what the go command does not take for this module: its
// test data, hidden directories and other modules.
func skipForeign(dir, name string) error {
	if dir == ".." {
		return nil
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	if err == nil || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return filepath.SkipDir
	}
	return nil
}

func (p pkg) with(f *ast.File) pkg {
	for _, i := range f.Imports {
		p.imports = append(p.imports, strings.Trim(i.Path.Value, "`\""))
	}
	p.written = p.written || !ast.IsGenerated(f)
	p.documented = p.documented || f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != ""
	return p
}
