package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// sources are where the kernels come from. apt checks the signatures and sums.
const (
	keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	sources = `deb [signed-by=` + keyring + `] http://deb.debian.org/debian bullseye main
deb [signed-by=` + keyring + `] http://deb.debian.org/debian-security bullseye-security main
deb [signed-by=` + keyring + `] http://deb.debian.org/debian bookworm main
deb [signed-by=` + keyring + `] http://deb.debian.org/debian trixie main
deb [signed-by=` + keyring + `] http://deb.debian.org/debian sid main
`
	configuration = `Dir::State "%[1]s/state";
Dir::State::status "/dev/null";
Dir::Cache "%[1]s/cache";
Dir::Etc::SourceList "%[1]s/sources.list";
Dir::Etc::SourceParts "-";
Dir::Etc::Preferences "-";
Dir::Etc::PreferencesParts "-";
APT::Architecture "%[2]s";
APT::Architectures { "%[2]s"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
`
)

// An archive is a private view of Debian's packages of one architecture.
type archive struct {
	dir  string // under the cache
	arch string
}

// openArchive brings the package lists up to date, once a day. Without network
// it uses what it has.
func openArchive(cache, arch string) (*archive, error) {
	a := &archive{dir: filepath.Join(cache, "apt-"+arch), arch: arch}
	for _, d := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	config := fmt.Sprintf(configuration, a.dir, arch)
	if err := errors.Join(os.WriteFile(filepath.Join(a.dir, "sources.list"), []byte(sources), 0o644),
		os.WriteFile(filepath.Join(a.dir, "apt.conf"), []byte(config), 0o644)); err != nil {
		return nil, err
	}
	stamp := filepath.Join(a.dir, "updated")
	if info, err := os.Stat(stamp); err == nil && time.Since(info.ModTime()) < 24*time.Hour {
		return a, nil
	}
	if out, err := a.apt(a.dir, "apt-get", "-q", "update", "--error-on=any").CombinedOutput(); err != nil {
		if _, known := os.Stat(stamp); known != nil {
			return nil, fmt.Errorf("apt-get update: %w\n%s", err, out)
		}
		fmt.Printf("apt-get update: %v; going on with the lists of an earlier run\n", err)
		return a, nil
	}
	return a, os.WriteFile(stamp, nil, 0o644)
}

func (a *archive) apt(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"))
	return cmd
}

// newest returns the package with the newest kernel of a series ("6.1"), or of
// all ("sid"): the one that holds the image, which newer packaging calls binary.
func (a *archive) newest(series string) (string, error) {
	version := regexp.QuoteMeta(series) + `\.`
	if series == "sid" {
		version = `[0-9]`
	}
	pattern := `^linux-(image|binary)-` + version + `[^-]*(-[0-9a-z.]+)?-cloud-` + a.arch + `$`
	out, err := a.apt(a.dir, "apt-cache", "pkgnames", "linux-").Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache pkgnames: %w", err)
	}
	match := regexp.MustCompile(pattern)
	var found []string
	for name := range strings.FieldsSeq(string(out)) {
		if match.MatchString(name) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no package matches %s", pattern)
	}
	slices.SortFunc(found, func(a, b string) int { return compareVersions(release(a), release(b)) })
	last := found[len(found)-1]
	if binary := "linux-binary-" + release(last); slices.Contains(found, binary) {
		last = binary
	}
	return last, nil
}

// release is the kernel's release in a package's name.
func release(pkg string) string {
	return strings.TrimPrefix(strings.TrimPrefix(pkg, "linux-image-"), "linux-binary-")
}

// compareVersions orders versions by their numbers.
func compareVersions(a, b string) int {
	parts := regexp.MustCompile(`[0-9]+|[^0-9]+`)
	return slices.CompareFunc(parts.FindAllString(a, -1), parts.FindAllString(b, -1), func(x, y string) int {
		if len(x) != len(y) && x[0] <= '9' && y[0] <= '9' && x[0] >= '0' && y[0] >= '0' {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
}

// image returns the path of a package's kernel, fetched unless an earlier run did.
func (a *archive) image(cache, pkg string) (string, error) {
	path := filepath.Join(cache, "vmlinuz-"+release(pkg))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	tmp, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	fmt.Println("fetching", pkg)
	if out, err := a.apt(tmp, "apt-get", "-q", "download", pkg).CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get download %s: %w\n%s", pkg, err, out)
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d packages", pkg, len(debs))
	}
	if out, err := exec.Command("dpkg-deb", "-x", debs[0], tmp).CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpacking %s: %w\n%s", pkg, err, bytes.TrimSpace(out))
	}
	found, err := findImage(tmp)
	if err != nil {
		return "", fmt.Errorf("%s: %w", pkg, err)
	}
	return path, os.Rename(found, path)
}

func findImage(dir string) (string, error) {
	var found string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), "vmlinuz") {
			found = path
			return fs.SkipAll
		}
		return err
	})
	if err == nil && found == "" {
		err = errors.New("holds no kernel")
	}
	return found, err
}
