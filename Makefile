# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets. Each is one command that a person or CI can run on a fresh machine.

SHELL := /bin/sh
export PATH := $(CURDIR)/.cache/go/bin:$(PATH)
export GOTOOLCHAIN := local
export CGO_ENABLED ?= 0

ARCH     := $(shell uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')
INIT     := internal/worker/spawner/assets/gust-init
LINT     := .cache/bin/golangci-lint-v2.15.0
BOOT     := internal/cli/trial/assets/bootstrap
VULN     := .cache/bin/govulncheck
MODULES  := . tools test
FUZZTIME ?= 3s
SOURCES   = $(shell find cmd internal -name '*.go' -o -path '*/assets/*' -type f) go.mod go.sum

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-all test-crash check lint bench gen import-models fuzz vuln clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: bin/gust ## Build bin/gust (reproducible: -trimpath, version from git)

setup:
	@tools/setup.sh go

# gust-init runs as PID 1 in every sandbox; it is built first and embedded.
$(INIT): $(shell find cmd/gust-init internal/worker/spawner/initproto internal/worker/spawner/seccomp -name '*.go' 2>/dev/null) go.mod | setup
	@mkdir -p $(dir $@)
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags='-s -w' -o $@ ./cmd/gust-init

# The compiled function of `gust demo` and `gust bench`.
$(BOOT): bench/floor/static/main.go go.mod | setup
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags='-s -w' -o $@ ./bench/floor/static

bin/gust: $(INIT) $(BOOT) $(SOURCES) | setup
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags='-s -w' -o $@ ./cmd/gust

demo: ## Set up what is missing, build, and run three functions from start to kill -9 and back
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory build
	@bin/gust demo

test: ## Run every test (at most 20 minutes on 2 cores); sets up what it needs
	@tools/setup.sh test
	@$(MAKE) --no-print-directory build
	@tools/test.sh

test-all: ## Everything of `make test`, with long fuzzing and soak tests; no time limit
	@tools/setup.sh test
	@$(MAKE) --no-print-directory build
	@GUST_LONG=1 FUZZTIME=60s tools/test.sh

test-crash: | setup ## Power cuts under load of every layer of the store (60), and kill -9 of a server; prints the seeds
	@GUST_CUTS=60 go test -count=1 -v -timeout 20m -run 'PowerCut|Kill' ./internal/store/engine/pebble
	@$(MAKE) --no-print-directory build
	@GUST_BIN=$(CURDIR)/bin/gust go -C test test -count=1 -v -timeout 20m ./crash

check: $(INIT) $(BOOT) ## Format, lint, vet, import rules, fast tests: under two minutes
	@tools/check.sh $(LINT)

lint: $(LINT)
	@$(LINT) run ./...

$(LINT): | setup
	@mkdir -p .cache/bin
	GOBIN=$(CURDIR)/.cache/bin GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv .cache/bin/golangci-lint $@

check: $(LINT)

bench: build ## Go benchmarks and `gust bench`, into bench/out
	@tools/bench.sh

gen: | setup ## Regenerate the contracts; the tree must not change
	go generate ./internal/awsapi ./bench/wire
	go -C test generate ./events ./protocols

import-models: | setup ## Trim botocore's service models again (the version that model/SOURCE names)
	@tools/import-models.sh

fuzz: $(INIT) $(BOOT) | setup ## Run each fuzz target for FUZZTIME
	@FUZZTIME=$(FUZZTIME) tools/fuzz.sh

vuln: | setup ## Known vulnerabilities of the dependencies (where the database can be reached)
	@mkdir -p .cache/bin
	@GOBIN=$(CURDIR)/.cache/bin GOFLAGS= go install golang.org/x/vuln/cmd/govulncheck@latest
	@$(VULN) ./... || { s=$$?; [ $$s = 3 ] && exit 3; echo 'vuln: the database could not be reached; nothing was checked'; }

clean: ## Remove what was built (not the cached tools)
	rm -rf bin bench/out $(INIT) $(BOOT)
