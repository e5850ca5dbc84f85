package http

import "github.com/edf076de/ebpfreceiver/internal/proto"

// bounds are the buckets the conventions advise for both histograms.
//
// Source: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// Duration is the histogram of durations by the side the process is on.
var Duration = [2]proto.Metric{
	proto.Client: {
		Name:        "http.client.request.duration",
		Description: "Duration of HTTP client requests.",
		Bounds:      bounds,
	},
	proto.Server: {
		Name:        "http.server.request.duration",
		Description: "Duration of HTTP server requests.",
		Bounds:      bounds,
	},
}
