SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOL     := go tool -modfile=tools/go.mod
LINTER   := go tool -modfile=tools/lint/go.mod golangci-lint
AS_ROOT  := $(if $(filter 0,$(shell id -u)),,sudo)
SOURCES  := $(shell find receiver internal -name '*.go' -not -name '*_test.go' -o -name '*.o') go.mod go.sum
C_FILES   = $(wildcard bpf/*.c bpf/include/*.h)
FOR      ?= 20s
FUZZTIME ?= 30s

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## To use

.PHONY: run
run: bin/otelcol-ebpf bin/demo ## Show spans and metrics of a small demo in this terminal (as root; FOR=0 until Ctrl-C)
	@$(AS_ROOT) bin/demo -for $(FOR) bin/otelcol-ebpf --config examples/demo.yaml

.PHONY: build
build: bin/otelcol-ebpf ## Build the collector bin/otelcol-ebpf

bin/otelcol-ebpf: builder-config.yaml $(SOURCES)
	$(TOOL) builder --config builder-config.yaml
	@mkdir -p bin
	cp dist/otelcol-ebpf $@

bin/demo: $(wildcard examples/demo/*.go)
	@mkdir -p bin
	go build -o $@ ./examples/demo

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist

## To test

# The order serves the reader: the last lines are the summary of go test. One
# package at a time, because the end-to-end tests measure time.
.PHONY: test
test: deps check-generated vet race fuzz check-examples ## Test everything; the end-to-end tests need root
	go test -count=1 -p=1 -timeout=30m ./...

.PHONY: unit
unit: ## Test what needs no kernel
	go test ./internal/... ./receiver/...

.PHONY: race
race: ## Test what needs no kernel, with the race detector
	go test -race ./internal/... ./receiver/...

.PHONY: vet
vet: ## Check the code with go vet, and that it builds on every system
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go build ./...

.PHONY: check-examples
check-examples: build ## Check that the collector takes the example configurations
	@for f in examples/*.yaml; do echo "validate $$f"; bin/otelcol-ebpf validate --config "$$f"; done

.PHONY: fuzz
fuzz: ## Fuzz every target for 30 s (FUZZTIME=...)
	@tools/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## Run the benchmarks
	go test -run='^$$' -bench=. -benchmem ./internal/... ./receiver/...

.PHONY: bench-overhead
bench-overhead: deps build ## Measure what observing costs a server (as root)
	test/load/run

.PHONY: truth
truth: deps ## Inject known causes and check every verdict and number against them (as root)
	TRUTH_REQUESTS=$(or $(REQUESTS),20) go test -count=1 -v -timeout=15m -run='^TestTruth$$' ./test/truth

.PHONY: test-kernels
test-kernels: deps build ## Run the end-to-end tests on several kernels under qemu
	test/kernels/run

## To develop

.PHONY: generate
generate: deps-bpf ## Write the generated files anew: BPF objects, component metadata
	go generate ./...

GENERATED = git ls-files -co --exclude-standard internal/bpf internal/event receiver/ebpfreceiver | sort | xargs sha256sum

.PHONY: check-generated
check-generated: deps-bpf ## Check that the generated files are those of their sources
	@before=$$($(GENERATED)); \
	$(MAKE) --no-print-directory generate; \
	diff <(echo "$$before") <($(GENERATED)) || { echo "generated files were stale; commit them as they are now" >&2; exit 1; }

.PHONY: format
format: deps-bpf ## Format the code
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')
	clang-format-19 -i $(C_FILES)

.PHONY: lint
lint: deps-bpf vet ## Check the style
	@test -z "$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go') | tee /dev/stderr)"
	clang-format-19 --dry-run -Werror $(C_FILES)
	$(LINTER) run ./...

.PHONY: deps
deps: deps-bpf ## Install what tests and development need and is missing (Debian, as root)
	@tools/need gcc=gcc nginx=nginx-light wrk=wrk curl=curl python3=python3 node=nodejs \
		nghttp=nghttp2-client ip=iproute2 unshare=util-linux nsenter=util-linux dig=bind9-dnsutils dnsmasq=dnsmasq-base \
		iptables=iptables wget=wget ruby=ruby openssl=openssl npm=npm /usr/lib/python3/dist-packages/grpc=python3-grpcio \
		git=git php=php-cli /usr/include/android/openssl/ssl.h=android-libboringssl-dev psql=postgresql-client /usr/lib/postgresql=postgresql
	@$(MAKE) --no-print-directory $(NODE_MODULES)

NODE_MODULES = $(addsuffix /node_modules/.package-lock.json,test/apps/grpc/js test/apps/node)

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: deps-bpf
deps-bpf:
	@tools/need clang-19=clang-19 llvm-strip-19=llvm-19 clang-format-19=clang-format-19
