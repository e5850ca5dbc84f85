package resource

import (
	"maps"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/edf076de/ebpfreceiver/internal/process"
)

func TestDescribe(t *testing.T) {
	p := &process.Info{
		ID:      process.ID{PID: 42, Start: time.Second},
		Parent:  1,
		Comm:    "nginx",
		Exe:     "/usr/sbin/nginx",
		Command: "nginx: worker",
		Cgroup:  "/kubepods/besteffort/pod" + pod1 + "/" + id1,

		ResourceAttributes: "deployment.environment.name=test,process.pid=7",
	}
	want := map[string]any{
		string(semconv.HostNameKey):                  "node-7",
		string(semconv.ServiceNameKey):               "nginx",
		string(semconv.ProcessPIDKey):                int64(42),
		string(semconv.ProcessParentPIDKey):          int64(1),
		string(semconv.ProcessExecutableNameKey):     "nginx",
		string(semconv.ProcessExecutablePathKey):     "/usr/sbin/nginx",
		string(semconv.ProcessCommandKey):            "nginx: worker",
		string(semconv.ContainerIDKey):               id1,
		string(semconv.K8SPodUIDKey):                 pod1,
		string(semconv.DeploymentEnvironmentNameKey): "test",
	}
	if got := New("node-7").Of(p).Attributes().AsRaw(); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestDescribeUnknown(t *testing.T) {
	want := map[string]any{"service.name": "unknown_service"}
	if got := New("").Of(&process.Info{}).Attributes().AsRaw(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestServiceName(t *testing.T) {
	for _, c := range []struct {
		want string
		p    process.Info
	}{
		{"told", process.Info{ServiceName: "told", ResourceAttributes: "service.name=listed", Cgroup: "/system.slice/unit.service", Exe: "/bin/exe", Comm: "comm"}},
		{"listed", process.Info{ResourceAttributes: "service.name=listed", Cgroup: "/system.slice/unit.service", Exe: "/bin/exe"}},
		{"unit", process.Info{ResourceAttributes: "service.name=listed,void", Cgroup: "/system.slice/unit.service", Exe: "/bin/exe"}},
		{"unit", process.Info{ResourceAttributes: "service.name=", Cgroup: "/system.slice/unit.service", Exe: "/bin/exe"}},
		{"exe", process.Info{Cgroup: "/docker/" + id1, Exe: "/bin/exe", Comm: "comm"}},
		{"comm", process.Info{Comm: "comm"}},
		{"comm", process.Info{Exe: "/", Comm: "comm"}},
		{"a\uFFFDb", process.Info{Exe: "/bin/a\xffb"}},
	} {
		if got, _ := New("h").Of(&c.p).Attributes().Get("service.name"); got.Str() != c.want {
			t.Errorf("%+v: got %q, want %q", c.p, got.Str(), c.want)
		}
	}
}

func TestHostOfEnvironment(t *testing.T) {
	r := New("guess").Of(&process.Info{ResourceAttributes: "host.name=told"})
	if v, _ := r.Attributes().Get("host.name"); v.Str() != "told" {
		t.Errorf("host.name is %q", v.Str())
	}
}

func TestCacheKeeps(t *testing.T) {
	c := New("h")
	p := &process.Info{ID: process.ID{PID: 1}, Comm: "sh"}
	first := c.Of(p)
	if c.Of(p) != first {
		t.Error("the same Info got two resources")
	}
	c.Forget(p.ID)
	if c.Of(p) == first {
		t.Error("a forgotten process kept its resource")
	}
	c.Forget(process.ID{PID: 2})
}

func TestCacheSeesExec(t *testing.T) {
	c := New("h")
	id := process.ID{PID: 1, Start: 5}
	c.Of(&process.Info{ID: id, Comm: "sh"})
	r := c.Of(&process.Info{ID: id, Comm: "curl"})
	if v, _ := r.Attributes().Get("service.name"); v.Str() != "curl" || len(c.byID) != 1 {
		t.Errorf("after exec: service.name %q, %d entries", v.Str(), len(c.byID))
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := New("h")
	first := &process.Info{ID: process.ID{PID: 1}}
	was := c.Of(first)
	var last pcommon.Resource
	for pid := range uint32(maxProcesses) {
		last = c.Of(&process.Info{ID: process.ID{PID: pid + 2}})
	}
	if len(c.byID) != maxProcesses || c.queue.Len() != maxProcesses {
		t.Errorf("%d entries, %d in the queue", len(c.byID), c.queue.Len())
	}
	if c.Of(first) == was || last == was {
		t.Error("the oldest entry was not dropped")
	}
}

func BenchmarkOf(b *testing.B) {
	c := New("h")
	p := &process.Info{ID: process.ID{PID: 1}, Comm: "sh"}
	b.ReportAllocs()
	for b.Loop() {
		c.Of(p)
	}
}
