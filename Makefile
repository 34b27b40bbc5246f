# Everything a contributor runs, and all that CI runs. Needs Go, git and make; the race detector a C compiler too.

GOLANGCI_VERSION := v2.12.2
TOOLS    := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/millwright/tools
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
# One for each place of a checkout: a finding kept from another one names files that may be gone, and then "nolint" is not seen.
LINT_CACHE := $(TOOLS)/lint$(subst /,-,$(CURDIR))

# Test packages that run at the same time; each may run API servers of its own, of 300 MB.
PACKAGES ?= 2
# Seconds that "make soak" fuzzes, all targets together.
FUZZ ?= 7200

HAS_CC := $(shell test "$$(go env CGO_ENABLED)" = 1 && command -v $(firstword $(shell go env CC)))
RACE   := $(if $(HAS_CC),-race)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run the demo and leave it running (DEMO=once: run it through and exit)
	@echo "building millwright and the demo; the first time that takes some minutes" >&2
	go build -o bin/ ./cmd/millwright ./cmd/demo
	bin/demo $(if $(filter once,$(DEMO)),-once)

.PHONY: servers
servers: # built before the tests: "go test" would hide minutes of progress
	@go run ./internal/testenv/prebuild

.PHONY: test
test: servers ## Run all tests, with the race detector
	$(if $(RACE),,@echo "no C compiler (go env CC): testing without the race detector" >&2)
	go test $(RACE) -timeout 40m -p $(PACKAGES) ./...

.PHONY: check
check: lint generate-check ## Check formatting, modules, lint, layers, and generated and golden files
	go mod tidy -diff

.PHONY: lint
lint: $(GOLANGCI) ## Check formatting, vet, and run the linters of .golangci.yml
	@unformatted="$$(gofmt -l .)"; test -z "$$unformatted" || { echo "not formatted (gofmt -w): $$unformatted" >&2; exit 1; }
	go vet ./...
	GOLANGCI_LINT_CACHE=$(LINT_CACHE) $(GOLANGCI) run ./...

.PHONY: generate
generate: ## Write generated and golden files anew
	go generate ./...
	.ci/golden

.PHONY: generate-check
generate-check: servers
	.ci/unchanged make generate

.PHONY: bench
bench: servers ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem -timeout 2h -p 1 ./...

.PHONY: soak
soak: servers ## Run long: more seeds, more crash points, and two hours of fuzzing (FUZZ=seconds)
	MILLWRIGHT_SOAK=1 go test $(RACE) -count 1 -timeout 12h -p $(PACKAGES) ./...
	.ci/fuzz $(FUZZ)

.PHONY: clean
clean: ## Remove what was built here (not the servers and tools in your cache folder)
	rm -rf bin .demo
	go clean -testcache

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION), about 4 minutes the first time" >&2
	@mkdir -p $(TOOLS)/new
	GOFLAGS= GOBIN=$(TOOLS)/new go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(TOOLS)/new/golangci-lint $@
