# make demo and make test are all that most people need.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# The race detector needs cgo and a C compiler; make test RACE= runs without.
RACE    ?= -race
PKG     ?= ./...
FUZZTIME ?= 10s

GOBIN   := $(shell $(GO) env GOBIN)
ifeq ($(GOBIN),)
GOBIN   := $(shell $(GO) env GOPATH)/bin
endif
export PATH := $(GOBIN):$(PATH)

# Kept in step with .ci/tools.sh, which installs them.
.PHONY: build test demo demo-once lint format golden fuzz bench e2e-clients ci tools clean help

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## build bin/azward
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/azward ./cmd/azward

demo: ## run the whole job on a simulated tenant, print the answers, and serve the hub
	$(GO) run ./cmd/azward demo

demo-once: ## the same without the hub: print the answers and exit
	$(GO) run ./cmd/azward demo --once

test: ## run every test, with the race detector (fuzz seeds and golden files included)
	$(GO) test $(RACE) -timeout 20m $(PKG)
	@$(GO) test $(RACE) -run '^TestFalseNo$$' -v ./verdict | sed -n 's/^ *scenario_index_test.go:[0-9]*: //p'

lint: ## gofumpt, go vet and golangci-lint; nothing may be reported
	.ci/lint.sh

format: ## rewrite the Go files as lint wants them
	gofumpt -w .

tools: ## install the linters at the versions that CI uses
	.ci/tools.sh

golden: ## refresh golden files; read the diff like code
	.ci/golden.sh -update

fuzz: ## run each fuzz target for FUZZTIME
	.ci/fuzz.sh $(FUZZTIME)

bench: ## run the benchmarks once; compare runs with benchstat
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(PKG)

e2e-clients: ## let azure-cli, kubectl and crane use the simulator (needs them installed)
	.ci/e2e-clients.sh

ci: ## what CI runs, from a bare machine on
	.ci/run

clean: ## remove what make built
	rm -rf bin
