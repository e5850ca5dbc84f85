package resource

import "strings"

// A place is what the path of a cgroup tells of the processes in it.
type place struct {
	container string // 64 hexadecimal digits
	pod       string // UID of the Kubernetes pod
	unit      string // systemd service without its suffix: "nginx", "getty@tty1"
}

// parseCgroup reads a path of the cgroup v2 hierarchy or of a v1 one. Places
// nest (a cluster in a container, systemd in a container), and the innermost is
// the one the process knows. A container ends the units around it: containerd's
// service is not the service of what containerd runs.
func parseCgroup(path string) place {
	var p place
	for part := range strings.SplitSeq(path, "/") {
		// A runtime that mistakes a systemd parent for a path joins the two:
		// "kubepods-pod<uid>.slice:cri-containerd:<id>".
		parent, _, _ := strings.Cut(part, ":")
		if uid := podUID(parent); uid != "" {
			p.pod = uid
		}
		if id := containerID(part); id != "" {
			p.container, p.unit = id, ""
		} else if unit := serviceUnit(part); unit != "" {
			p.unit = unit
		}
	}
	return p
}

// containerID returns the container that a part of a path is of, if it is of
// one. All runtimes write the same 64 digits with their own name before them:
//
//	<id>                          docker, containerd, CRI-O and podman without systemd
//	docker-<id>.scope             docker
//	cri-containerd-<id>.scope     containerd
//	nerdctl-<id>.scope            containerd
//	crio-<id>.scope, crio-<id>    CRI-O
//	libpod-<id>.scope, libpod-<id>, libpod-payload-<id>   podman
//	<parent>.slice:cri-containerd:<id>                    containerd, see parseCgroup
//
// The monitor of a container (crio-conmon-<id>, libpod-conmon-<id>) runs beside
// the container, not in it.
func containerID(part string) string {
	part = strings.TrimSuffix(part, ".scope")
	runtime, id := "", part
	if i := strings.LastIndexAny(part, "-:"); i >= 0 {
		runtime, id = part[:i], part[i+1:]
	}
	if !isID(id) || strings.HasSuffix(runtime, "conmon") {
		return ""
	}
	return id
}

// podUID returns the UID of the pod that a part of a path is of, if it is of
// one: "pod<uid>" as the kubelet writes it, or the end of a slice, where dashes
// mean nesting and the UID has underscores. The UID of a static pod is a hash.
func podUID(part string) string {
	part = strings.TrimSuffix(part, ".slice")
	i := strings.LastIndex(part, "pod")
	if i < 0 || i > 0 && part[i-1] != '-' {
		return ""
	}
	uid := strings.ReplaceAll(part[i+len("pod"):], "_", "-")
	if isUUID(uid) || len(uid) == 32 && isHex(uid) {
		return uid
	}
	return ""
}

// serviceUnit returns the systemd service that a part of a path is of, if its
// name says something: the manager of a user's units holds whatever the user
// runs, and a transient unit is named at random.
func serviceUnit(part string) string {
	unit, ok := strings.CutSuffix(part, ".service")
	if !ok || unit == "" || strings.HasPrefix(unit, "user@") || transient(unit) {
		return ""
	}
	return unescape(unit)
}

// transient reports whether the name was made up: by podman for a health check
// ("<container>-<hex>"), or by systemd-run ("run-u7", "run-p7-i8", "run-r<32 hex>").
func transient(unit string) bool {
	if len(unit) >= idLen && isID(unit[:idLen]) {
		return true
	}
	made, ok := strings.CutPrefix(unit, "run-")
	if !ok || len(made) < 2 {
		return false
	}
	if made[0] == 'r' {
		return len(made) == 33 && isHex(made[1:])
	}
	return (made[0] == 'u' || made[0] == 'p') && made[1] >= '0' && made[1] <= '9'
}

// unescape undoes the \xXX that systemd writes for bytes a unit must not have.
//
// Source: systemd.unit(5), "String Escaping for Inclusion in Unit Names".
func unescape(unit string) string {
	before, after, escaped := strings.Cut(unit, `\x`)
	if !escaped || len(after) < 2 || !isHex(after[:2]) {
		return unit
	}
	return before + string([]byte{digit(after[0])<<4 | digit(after[1])}) + unescape(after[2:])
}

func digit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// idLen is the length of a container ID: a SHA-256 in hexadecimal.
const idLen = 64

func isID(s string) bool { return len(s) == idLen && isHex(s) }

// isUUID reports whether s is five groups of 8, 4, 4, 4 and 12 digits.
func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		isHex(s[:8]) && isHex(s[9:13]) && isHex(s[14:18]) && isHex(s[19:23]) && isHex(s[24:])
}

// isHex reports whether s is all lower-case hexadecimal digits.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
