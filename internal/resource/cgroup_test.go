package resource

import (
	"strings"
	"testing"
)

// The identities the paths below are made of.
const (
	id1  = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
	id2  = "a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8c1c2c3c4c5c6c7c8d1d2d3d4d5d6d7d8"
	pod1 = "2f5e0c3a-6b1d-4e8f-9a70-1c2d3e4f5a6b"
	pod2 = "91d8e7f6-a5b4-43c2-8d1e-0f9e8d7c6b5a"
	hash = "3ab8a8f1d7c5a1e4b9d43ff5ab0b7b2c" // of a static pod's manifest
)

var cgroups = []struct {
	path string
	want place
}{
	// No container, no service.
	{"", place{}},
	{"/", place{}},
	{"/init.scope", place{}},
	{"/user.slice/user-1000.slice/session-3.scope", place{}},
	{"/user.slice/user-1000.slice/user@1000.service/init.scope", place{}},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-" + pod1 + ".scope", place{}},
	{"/lxc.payload.web", place{}},
	{"/machine.slice/libpod-conmon-" + id1 + ".scope", place{}},
	{"/system.slice/run-u42.service", place{}},
	{"/system.slice/run-p4711-i4712.service", place{}},
	{"/system.slice/run-r" + hash + ".service", place{}},
	{"/system.slice/" + id1 + "-5f2c.service", place{}},
	{"/system.slice/.service", place{}},

	// Services of systemd.
	{"/system.slice/nginx.service", place{unit: "nginx"}},
	{"/system.slice/nginx.service/worker", place{unit: "nginx"}},
	{"/system.slice/snap.lxd.daemon.service", place{unit: "snap.lxd.daemon"}},
	{"/system.slice/run-parts.service", place{unit: "run-parts"}},
	{"/system.slice/run-rebuild.service", place{unit: "run-rebuild"}},
	{"/system.slice/system-foo.slice/foo@bar.service", place{unit: "foo@bar"}},
	{`/system.slice/system-my\x2dapp.slice/my\x2dapp@a\x2eb.service`, place{unit: "my-app@a.b"}},
	{`/system.slice/odd\xzz.service`, place{unit: `odd\xzz`}},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", place{unit: "x"}},
	{"/lxc.payload.web/system.slice/nginx.service", place{unit: "nginx"}},
	{"/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", place{unit: "nginx"}},
	{"/system.slice/docker.service", place{unit: "docker"}},

	// Docker.
	{"/docker/" + id1, place{container: id1}},
	{"/mine/" + id1, place{container: id1}}, // --cgroup-parent=/mine
	{"/system.slice/docker-" + id1 + ".scope", place{container: id1}},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + id1 + ".scope", place{container: id1}},
	{"/system.slice/docker-" + id1[1:] + ".scope", place{}},
	{"/system.slice/docker-" + strings.ToUpper(id1) + ".scope", place{}},
	{"/docker/" + id1 + "/docker/" + id2, place{container: id2}},
	{"/docker/" + id1 + "/system.slice/nginx.service", place{container: id1, unit: "nginx"}},

	// containerd.
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under(pod1) + ".slice/cri-containerd-" + id1 + ".scope", place{container: id1, pod: pod1}},
	{"/kubepods.slice/kubepods-pod" + under(pod1) + ".slice/cri-containerd-" + id1 + ".scope", place{container: id1, pod: pod1}},
	{"/kubepods/besteffort/pod" + pod1 + "/" + id1, place{container: id1, pod: pod1}},
	{"/kubepods/pod" + pod1 + "/" + id1, place{container: id1, pod: pod1}},
	{"/kubepods/burstable/pod" + hash + "/" + id1, place{container: id1, pod: hash}},
	{"/kubepods/besteffort/pod" + pod1, place{pod: pod1}},
	{"/kubepods-besteffort-pod" + under(pod1) + ".slice:cri-containerd:" + id1, place{container: id1, pod: pod1}},
	{"/system.slice/containerd.service/kubepods-burstable-pod" + under(pod1) + ".slice:cri-containerd:" + id1, place{container: id1, pod: pod1}},
	{"/system.slice/nerdctl-" + id1 + ".scope", place{container: id1}},
	{"/default/" + id1, place{container: id1}},
	{"/kubepods/besteffort/podium/x", place{}},

	// Other runtimes of Kubernetes.
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + under(pod1) + ".slice/docker-" + id1 + ".scope", place{container: id1, pod: pod1}},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + under(pod1) + ".slice/crio-" + id1 + ".scope", place{container: id1, pod: pod1}},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + under(pod1) + ".slice/crio-" + id1 + ".scope/container", place{container: id1, pod: pod1}},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + under(pod1) + ".slice/crio-conmon-" + id1 + ".scope", place{pod: pod1}},
	{"/kubepods/burstable/pod" + pod1 + "/crio-" + id1, place{container: id1, pod: pod1}},

	// Podman.
	{"/machine.slice/libpod-" + id1 + ".scope", place{container: id1}},
	{"/machine.slice/libpod-" + id1 + ".scope/container", place{container: id1}},
	{"/machine.slice/machine-libpod_pod_" + id2 + ".slice/libpod-" + id1 + ".scope", place{container: id1}},
	{"/libpod_parent/libpod-" + id1, place{container: id1}},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id1 + ".scope/container", place{container: id1}},
	{"/system.slice/web.service/libpod-payload-" + id1, place{container: id1}},

	// A cluster in a container (kind), a pod in a pod.
	{"/docker/" + id1 + "/kubelet/kubepods/besteffort/pod" + pod1 + "/" + id2, place{container: id2, pod: pod1}},
	{"/system.slice/docker-" + id1 + ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + under(pod1) + ".slice/cri-containerd-" + id2 + ".scope", place{container: id2, pod: pod1}},
	{"/system.slice/docker-" + id1 + ".scope/system.slice/containerd.service", place{container: id1, unit: "containerd"}},
	{"/kubepods/besteffort/pod" + pod1 + "/" + id1 + "/kubelet/kubepods/besteffort/pod" + pod2 + "/" + id2, place{container: id2, pod: pod2}},

	// Seen from the namespace of another cgroup.
	{"/../../kubepods/besteffort/pod" + pod1 + "/" + id1, place{container: id1, pod: pod1}},
}

// under writes a UID as the name of a slice holds it.
func under(uid string) string { return strings.ReplaceAll(uid, "-", "_") }

func TestCgroup(t *testing.T) {
	for _, c := range cgroups {
		if got := parseCgroup(c.path); got != c.want {
			t.Errorf("%s\n got %+v\nwant %+v", c.path, got, c.want)
		}
	}
}

func FuzzCgroup(f *testing.F) {
	for _, c := range cgroups {
		f.Add(c.path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p := parseCgroup(path)
		if p.container != "" && (!isID(p.container) || !strings.Contains(path, p.container)) {
			t.Errorf("container %q of %q", p.container, path)
		}
		if p.pod != "" && !isUUID(p.pod) && (len(p.pod) != 32 || !isHex(p.pod)) {
			t.Errorf("pod %q of %q", p.pod, path)
		}
		if p.unit != "" && !strings.Contains(path, ".service") {
			t.Errorf("unit %q of %q", p.unit, path)
		}
	})
}
