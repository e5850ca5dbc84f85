package http

import (
	"net/url"
	"strings"
	"testing"

	"github.com/edf076de/ebpfreceiver/internal/proto"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTraceparent(t *testing.T) {
	for text, want := range map[string]bool{
		parent:                               true,
		strings.ToUpper(parent):              false,
		parent[:54]:                          false,
		parent + "-":                         false,
		parent + "-more":                     false,
		"01" + parent[2:]:                    true,
		"01" + parent[2:] + "-more":          true,
		"01" + parent[2:] + "more":           false,
		"fe" + parent[2:]:                    true,
		"ff" + parent[2:]:                    false,
		"0g" + parent[2:]:                    false,
		parent[:53] + "03":                   true,
		parent[:53] + "04":                   false,
		"01" + parent[2:53] + "ff":           true,
		strings.ReplaceAll(parent, "-", "_"): false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false,
		"": false,
	} {
		c, ok := parseTraceparent([]byte(text))
		if ok != want || ok != c.Valid() {
			t.Errorf("%q: %v, %+v", text, ok, c)
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add([]byte(parent))
	f.Add([]byte("01" + parent[2:] + "-x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := parseTraceparent(b)
		if ok != c.Valid() || c.Flags > 3 || !ok && c != (proto.TraceContext{}) {
			t.Errorf("%q: %v, %+v", b, ok, c)
		}
	})
}

func TestTracestate(t *testing.T) {
	s := New(Config{})
	h := s.RequestHead()
	defer s.Release(h)
	h.Field([]byte("traceparent"), []byte(parent))
	h.Field([]byte("TraceState"), []byte("a=1"))
	h.Field([]byte("tracestate"), []byte("b=2,c=3"))
	if got := h.parent().State; got != "a=1,b=2,c=3" {
		t.Errorf("joined: %q", got)
	}
	h.Field([]byte("tracestate"), []byte(strings.Repeat("x=1,", maxMembers)))
	if c := h.parent(); c.State != "" || !c.Valid() {
		t.Errorf("too many members: %+v", c)
	}
}

func TestRoutes(t *testing.T) {
	r := compile([]string{
		"/", "/users/{id}", "/users/me", "/users/{id}/posts/{post}", "/users/me/friends",
		"/files/{path...}", "/files/index", "/slash/", "/{any}/deep",
	})
	for path, want := range map[string]string{
		"/":                     "/",
		"/users/7":              "/users/{id}",
		"/users/me":             "/users/me",
		"/users/":               "",
		"/users/me/posts/1":     "/users/{id}/posts/{post}",
		"/users/me/friends":     "/users/me/friends",
		"/users/7/friends":      "",
		"/files/index":          "/files/index",
		"/files/index/x":        "/files/{path...}",
		"/files/":               "/files/{path...}",
		"/files":                "",
		"/slash/":               "/slash/",
		"/slash":                "",
		"/users/deep":           "/users/{id}",
		"/other/deep":           "/{any}/deep",
		"/other/deep/er":        "",
		"*":                     "",
		"":                      "",
		"/users/{id}/posts/a/b": "",
	} {
		if got := r.match([]byte(path)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := compile(nil).match([]byte("/")); got != "" {
		t.Errorf("without patterns: %q", got)
	}
}

func TestValidate(t *testing.T) {
	for route, want := range map[string]bool{
		"/":             true,
		"/a/{b}/{c...}": true,
		"a":             false,
		"/{a...}/b":     false,
		"/a{b}":         false,
		"/{}":           false,
		"/{...}":        false,
	} {
		if err := (Config{Routes: []string{route}}).Validate(); (err == nil) != want {
			t.Errorf("%s: %v", route, err)
		}
	}
}

// FuzzRoutes checks that a pattern without parameters matches itself only, and
// that its parameters never match less.
func FuzzRoutes(f *testing.F) {
	f.Add("/users/{id}", "/users/7")
	f.Add("/files/{path...}", "/files/a/b")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if validRoute(pattern) != nil {
			return
		}
		r := compile([]string{pattern})
		got := r.match([]byte(path))
		if !strings.Contains(pattern, "{") && (got != "") != (path == pattern) {
			t.Errorf("%q on %q: %q", pattern, path, got)
		}
		if got != "" && got != pattern {
			t.Errorf("%q on %q: %q", pattern, path, got)
		}
		appendRoute(nil, []byte(path))
	})
}

func TestInference(t *testing.T) {
	for path, want := range map[string]string{
		"/":          "/",
		"/users/42":  "/users/{id}",
		"/users/42/": "/users/{id}/",
		"/v1/orders": "/v1/orders",
		"/o/6F1D3C9A-1c2e-4b7a-9f60-0123456789ab":        "/o/{uuid}",
		"/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709": "/blob/{hash}",
		"/facade":                     "/facade",
		"/a%20b":                      "/{value}",
		"/u/a@b.test":                 "/u/{value}",
		"/t/2024-01-31":               "/t/{value}",
		"/1/2/3/4/5/6/7/8/9/10":       "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{path...}",
		"/" + strings.Repeat("a", 41): "/{value}",
	} {
		if got := string(appendRoute(nil, []byte(path))); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestRedaction(t *testing.T) {
	s := New(Config{})
	for query, want := range map[string]string{
		"a=1":                   "a=1",
		"token=a&b=2&sig=c":     "token=REDACTED&b=2&sig=REDACTED",
		"token":                 "token",
		"token=":                "token=REDACTED",
		"a&token=x=y&":          "a&token=REDACTED&",
		"to%6ben=a":             "to%6ben=REDACTED",
		"SIG=a":                 "SIG=a",
		"&&":                    "&&",
		"%zz=1&password=hunter": "%zz=1&password=REDACTED",
	} {
		if got := string(s.appendQuery(nil, []byte(query))); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	none := New(Config{SensitiveQueryParameters: []string{}})
	if got := string(none.appendQuery(nil, []byte("token=a"))); got != "token=a" {
		t.Errorf("with an empty list: %s", got)
	}
}

// FuzzRedaction checks with another parser that no secret stays.
func FuzzRedaction(f *testing.F) {
	f.Add([]byte("token=a&b=2&sig=c&to%6ben=x"))
	s := New(Config{})
	f.Fuzz(func(t *testing.T, query []byte) {
		values, _ := url.ParseQuery(string(s.appendQuery(nil, query)))
		for name := range s.sensitive {
			for _, v := range values[name] {
				if v != "" && v != redacted {
					t.Errorf("%q leaves %s=%s", query, name, v)
				}
			}
		}
	})
}

func TestTarget(t *testing.T) {
	for text, want := range map[string]target{
		"/a?b":               {path: []byte("/a"), query: []byte("b")},
		"/a#b":               {path: []byte("/a")},
		"*":                  {path: []byte("*")},
		"http://h":           {scheme: []byte("http"), authority: []byte("h"), path: []byte("/")},
		"http://h:1/p":       {scheme: []byte("http"), authority: []byte("h:1"), path: []byte("/p")},
		"HTTPS://u@h?q":      {scheme: []byte("HTTPS"), authority: []byte("h"), userinfo: true, path: []byte("/"), query: []byte("q")},
		"1http://h/":         {path: []byte("1http://h/")},
		"/x?u=http://h/":     {path: []byte("/x"), query: []byte("u=http://h/")},
		"http://a@b@h/p@q?r": {scheme: []byte("http"), authority: []byte("h"), userinfo: true, path: []byte("/p@q"), query: []byte("r")},
	} {
		got := splitTarget([]byte(text), false)
		if string(got.scheme) != string(want.scheme) || string(got.authority) != string(want.authority) ||
			got.userinfo != want.userinfo || string(got.path) != string(want.path) || string(got.query) != string(want.query) {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestHostPort(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port int64
	}{
		"a.test":       {"a.test", 0},
		"a.test:80":    {"a.test", 80},
		"a.test:":      {"a.test", 0},
		"[::1]":        {"::1", 0},
		"[::1]:8080":   {"::1", 8080},
		"a.test:0":     {},
		"a.test:65536": {},
		"a.test:x":     {},
		"[::1":         {},
		"[::1]8080":    {},
		"a b":          {},
		"u@a.test":     {},
		":80":          {},
		"":             {},
	} {
		host, port, ok := hostPort([]byte(text))
		if ok != (want.host != "") || ok && (string(host) != want.host || port != want.port) {
			t.Errorf("%q: %q %d %v", text, host, port, ok)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("/a?token=1", "a.test:80", `for="[::1]:2";proto=https`, "1.1.1.1, b")
	f.Add("http://u:p@h/", "", "host=x, for=y", "")
	s := New(Config{RouteInference: true})
	f.Fuzz(func(t *testing.T, target, host, forwarded, forwardedFor string) {
		for _, side := range []proto.Side{proto.Client, proto.Server} {
			h := s.RequestHead()
			h.Method, h.Target, h.Version = []byte("GET"), []byte(target), "1.1"
			h.Field([]byte("host"), []byte(host))
			h.Field([]byte("forwarded"), []byte(forwarded))
			h.Field([]byte("x-forwarded-for"), []byte(forwardedFor))
			x := s.Open(&proto.Conn{Side: side}, "", h)
			s.Release(h)
			s.Answer(x, nil, 404)
			x.Finish()
			for _, a := range x.Attrs {
				if a.Kind == proto.KindStr && a.Str == "" {
					t.Errorf("%s is empty", a.Key)
				}
			}
			s.Free(x)
		}
	})
}
