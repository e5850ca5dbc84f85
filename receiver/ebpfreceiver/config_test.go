package ebpfreceiver

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/edf076de/ebpfreceiver/internal/probe"
	"github.com/edf076de/ebpfreceiver/internal/proto/all"
	"github.com/edf076de/ebpfreceiver/internal/proto/http"
)

// load reads a configuration over the defaults and validates it.
func load(conf *confmap.Conf) (*Config, error) {
	cfg := createDefaultConfig()
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func loadFile(t *testing.T, key string) *Config {
	file, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	conf, err := file.Sub(key)
	require.NoError(t, err)
	cfg, err := load(conf)
	require.NoError(t, err)
	return cfg
}

func loadText(t *testing.T, text string) (*Config, error) {
	yaml, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	conf, err := yaml.AsConf()
	require.NoError(t, err)
	return load(conf)
}

func TestLoadDefaults(t *testing.T) {
	cfg := loadFile(t, "ebpf")
	assert.Equal(t, createDefaultConfig(), cfg)
	assert.Equal(t, 10*time.Second, cfg.CollectionInterval)
	assert.Equal(t, Propagate, cfg.ErrorMode)
	assert.Equal(t, probe.Config{
		Include: []probe.Target{}, Exclude: []probe.Target{},
		CaptureBytes: 1024, RingBytes: 8 << 20, MaxConnections: 65536, Latency: true, TLS: true,
		Health: true, MaxSeries: 2000,
	}, cfg.probeConfig())
	assert.Empty(t, cfg.Metrics.off())
	assert.False(t, cfg.Network.NAT)
}

func TestLoadEverything(t *testing.T) {
	cfg := loadFile(t, "ebpf/everything")
	assert.Equal(t, 5*time.Second, cfg.CollectionInterval)
	assert.Equal(t, Ignore, cfg.ErrorMode)
	assert.Equal(t, probe.Config{
		Include: []probe.Target{
			{Ports: []probe.PortRange{{First: 8080, Last: 8080}, {First: 9000, Last: 9010}}},
			{
				Executables: []string{"/usr/sbin/nginx", "*/python3*"},
				Cgroups:     []string{"/system.slice/nginx.service*"},
			},
			{PIDs: []uint32{1234}},
		},
		Exclude:        []probe.Target{{Ports: []probe.PortRange{{First: 22, Last: 22}}}},
		CaptureBytes:   2048,
		RingBytes:      65536,
		MaxConnections: 100,
		Latency:        true,
		Health:         true,
		HealthPeer:     true,
		MaxSeries:      10,

		AcceptFromSyscalls: true,
	}, cfg.probeConfig())
	assert.Equal(t, 50*time.Millisecond, cfg.Latency.Threshold)
	assert.Equal(t, http.Config{
		RequestHeaders:           []string{"x-request-id"},
		ResponseHeaders:          []string{"content-type"},
		Routes:                   []string{"/users/{id}"},
		RouteInference:           true,
		SensitiveQueryParameters: []string{"sid"},
		KnownMethods:             []string{"GET", "PURGE"},
	}, cfg.HTTP.protocolConfig())
	assert.Equal(t, map[string]bool{"http.client.request.duration": true, "ebpf.udp.io": true}, cfg.Metrics.off())
	assert.True(t, cfg.Network.NAT)
}

func TestBadConfig(t *testing.T) {
	for _, test := range []struct{ config, want string }{
		{"nope: 1", "invalid keys: nope"},
		{"targets: {includes: []}", "'targets' has invalid keys: includes"},
		{"targets: {include: [{port: [1]}]}", "'targets.include[0]' has invalid keys: port"},
		{"http: {routs: []}", "'http' has invalid keys: routs"},
		{"limits: {ring: 1}", "'limits' has invalid keys: ring"},

		{"collection_interval: 0s", "collection_interval: 0s is too short; write 100ms or more, such as 10s"},
		{"collection_interval: -1s", "collection_interval: -1s is too short; write 100ms or more, such as 10s"},
		{"collection_interval: soon", `'collection_interval' time: invalid duration`},
		{"error_mode: never", `error_mode: "never" is not a mode; write propagate or ignore`},
		{"error_mode: ''", `error_mode: "" is not a mode; write propagate or ignore`},

		{include("ports: [8080, 80x]"), `targets::include::0::ports: "80x" is not a port or a range; write 8080 or "9000-9010"`},
		{include("ports: [0]"), `targets::include::0::ports: 0 is not a port`},
		{include("ports: [-1]"), `targets::include::0::ports: -1 is not a port`},
		{include("ports: [65536]"), `targets::include::0::ports: 65536 is not a port`},
		{include("ports: [1.5, null, 20-10]"), `targets::include::0::ports: 1.5, null, "20-10" is not a port`},
		{include("ports: [1-2-3]"), `targets::include::0::ports: "1-2-3" is not a port`},
		{include("ports: []"), "targets::include::0: the entry selects nothing; write ports, executables, pids or cgroups, or remove it"},
		{"targets: {exclude: [{}]}", "targets::exclude::0: the entry selects nothing"},
		{include("executables: ['']"), "targets::include::0::executables::0: the pattern is empty; write a path such as"},
		{include("executables: [nginx]"), `targets::include::0::executables::0: "nginx" matches no absolute path; write "*/nginx"`},
		{include(`executables: ["/a\n"]`), `targets::include::0::executables::0: "/a\n" has a control character`},
		{include("cgroups: [/" + strings.Repeat("x", 127) + "]"), "targets::include::0::cgroups::0: the pattern has 128 bytes, 127 are possible"},
		{include("pids: [1, 0]"), "targets::include::0::pids::1: 0 is not a process; write the number ps shows, such as 1234"},
		{include("pids: [-5]"), "targets::include::0::pids::0: -5 is not a process"},
		{include("pids: [nginx]"), "'targets.include[0].pids[0]' expected type"},
		{"targets: {include: [" + strings.Repeat("{ports: [1]},", 33) + "]}", "targets::include: 33 entries are too many; write at most 32"},
		{"targets: {exclude: [" + strings.Repeat("{ports: [1]},", 33) + "]}", "targets::exclude: 33 entries are too many; write at most 32"},
		{include("executables: [" + manyGlobs(65) + "]"), "targets: 65 patterns of executables and cgroups are too many; write at most 64"},

		{"http: {capture_bytes: 63}", "http: capture_bytes: 63B is out of range; write 64 to 4096"},
		{"http: {capture_bytes: 8KiB}", "http: capture_bytes: 8KiB is out of range; write 64 to 4096"},
		{"http: {request_headers: ['X Id']}", `http::request_headers::0: "X Id" is not a name of a header or a method`},
		{"http: {response_headers: ['']}", `http::response_headers::0: "" is not a name of a header or a method`},
		{"http: {known_methods: [GET, 'A/B']}", `http::known_methods::1: "A/B" is not a name of a header or a method`},
		{"http: {routes: [users]}", `http::routes::0: route "users": does not begin with /; write a path such as /users/{id}`},
		{"http: {routes: ['/users/{id']}", `http::routes::0: route "/users/{id": {id is neither a name in braces nor a literal`},
		{"http: {routes: ['/users/{}']}", `http::routes::0: route "/users/{}": {} is neither a name in braces nor a literal`},
		{"http: {sensitive_query_parameters: ['']}", "http::sensitive_query_parameters::0: the name is empty"},

		{"latency: {threshold: 0s}", "latency: threshold: 0s is not a time a request can take; write one such as 10ms"},
		{"latency: {threshold: -5ms}", "latency: threshold: -5ms is not a time a request can take"},
		{"latency: {enabled: false, trace_accept_syscalls: true}",
			"latency: trace_accept_syscalls: it has no effect without enabled: true; write that, or remove it"},
		{"latency: {slow: 1s}", "'latency' has invalid keys: slow"},

		{"metrics: {ebpf.tcp.rt: {enabled: false}}", `metrics: "ebpf.tcp.rt" is not a metric; write ebpf.tcp.rtt, ebpf.tcp.rto or ebpf.tcp.io`},
		{"metrics: {ebpf.tcp.zero-window: }", `metrics: "ebpf.tcp.zero-window" is not a metric; write ebpf.tcp.zero_window`},
		{"metrics: {http.server.requests.duration: {}}", `metrics: "http.server.requests.duration" is not a metric; write http.server.request.duration`},
		{"metrics: {nope: {}}", `metrics: "nope" is not a metric; write dns.lookup.duration, http.client.request.duration, `},
		{"metrics: {ebpf.tcp.rtt: {enable: false}}", "'ebpfreceiver.MetricConfig' has invalid keys: enable"},
		{"metrics: {ebpf.tcp.rtt: false}", `'metrics[ebpf.tcp.rtt]' expected a map or struct, got "bool"`},

		{"network: {attribute: []}", "'network' has invalid keys: attribute"},
		{"network: {attributes: [network.peer.port]}", `network::attributes::0: "network.peer.port" is not an attribute that can be added; write network.peer.address`},
		{"network: {nat: 1}", `'network.nat' expected type 'bool'`},
		{"network: {nat: 'true'}", `'network.nat' expected type 'bool'`},
		{"network: {nats: true}", "'network' has invalid keys: nats"},
		{"network: {attributes: [network.peer.address, server.port]}", `network::attributes::1: "server.port" is always there; remove it`},

		{"limits: {ring_buffer_bytes: 5MiB}", "limits: ring_buffer_bytes: 5MiB is not a power of two from 4KiB to 1GiB; write 8MiB"},
		{"limits: {ring_buffer_bytes: 0}", "limits: ring_buffer_bytes: 0B is not a power of two from 4KiB to 1GiB; write 4KiB"},
		{"limits: {ring_buffer_bytes: -1}", "limits: ring_buffer_bytes: -1B is not a power of two"},
		{"limits: {ring_buffer_bytes: 2GiB}", "limits: ring_buffer_bytes: 2GiB is not a power of two from 4KiB to 1GiB; write 1GiB"},
		{"limits: {ring_buffer_bytes: 8MB}", `'limits.ring_buffer_bytes' "8MB" is not a size; write 8388608, 8192KiB or 8MiB`},
		{"limits: {ring_buffer_bytes: 99999999999GiB}", `'limits.ring_buffer_bytes' "99999999999GiB" is not a size`},
		{"limits: {max_connections: 0}", "limits: max_connections: 0 is out of range; write 1 to 4194304"},
		{"limits: {max_series: -1}", "limits: max_series: -1 is out of range; write 1 to 1000000"},
	} {
		t.Run(test.config, func(t *testing.T) {
			if os.Getpagesize() != 4096 {
				test.want = strings.ReplaceAll(test.want, "4KiB", pageSize().String())
			}
			_, err := loadText(t, test.config)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func include(target string) string {
	return fmt.Sprintf("targets: {include: [{%s}]}", target)
}

func manyGlobs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "/bin/%d,", i)
	}
	return b.String()
}

func TestGoodConfig(t *testing.T) {
	for _, config := range []string{
		"targets: {include: [], exclude: []}",
		include("ports: [1, 65535, 1-65535, 8080 - 8090]"),
		include("executables: ['*', '/usr/bin/*', '?usr/x']"),
		include("executables: [" + manyGlobs(64) + "]"),
		"http: {routes: ['/', '/users/{id}', '/files/{path...}']}",
		"http: {request_headers: [], known_methods: []}",
		"metrics: {http.server.request.duration: {enabled: true}, dns.lookup.duration: {}, ebpf.tcp.rtt: }",
		"metrics:",
		"network: {attributes: []}",
		"limits: {ring_buffer_bytes: 64KiB}",
		"limits: {ring_buffer_bytes: 1 MiB}",
	} {
		t.Run(config, func(t *testing.T) {
			_, err := loadText(t, config)
			require.NoError(t, err)
		})
	}
}

// A list in the configuration replaces the default instead of growing it.
func TestListsReplaceDefaults(t *testing.T) {
	cfg, err := loadText(t, "http: {known_methods: [PURGE], sensitive_query_parameters: [sid]}")
	require.NoError(t, err)
	assert.Equal(t, []Token{"PURGE"}, cfg.HTTP.KnownMethods)
	assert.Equal(t, []Parameter{"sid"}, cfg.HTTP.SensitiveQueryParameters)
	assert.Equal(t, http.DefaultKnownMethods, createDefaultConfig().HTTP.protocolConfig().KnownMethods)

	// None is not the default: nothing is redacted then.
	cfg, err = loadText(t, "http: {sensitive_query_parameters: []}")
	require.NoError(t, err)
	assert.NotNil(t, cfg.HTTP.protocolConfig().SensitiveQueryParameters)
	assert.Empty(t, cfg.HTTP.protocolConfig().SensitiveQueryParameters)
}

// A metric that is named is on unless it is switched off.
func TestMetricsOff(t *testing.T) {
	cfg, err := loadText(t, "metrics: {ebpf.tcp.rtt: {}, ebpf.tcp.rto: , ebpf.tcp.io: {enabled: true}, ebpf.udp.io: {enabled: false}}")
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"ebpf.udp.io": true}, cfg.Metrics.off())
	assert.True(t, cfg.probeConfig().Health)
}

// Nothing is counted in the kernel that nobody wants.
func TestAllHealthOff(t *testing.T) {
	var off strings.Builder
	for _, name := range metricNames() {
		if strings.HasPrefix(name, "ebpf.") {
			fmt.Fprintf(&off, "%s: {enabled: false},", name)
		}
	}
	cfg, err := loadText(t, "metrics: {"+off.String()+"}")
	require.NoError(t, err)
	assert.False(t, cfg.probeConfig().Health)
}

// Every metric of a protocol can be switched off.
func TestMetricNames(t *testing.T) {
	names := metricNames()
	for _, m := range all.Durations() {
		assert.Contains(t, names, m.Name)
	}
	assert.Contains(t, names, "ebpf.tcp.rtt")
}
