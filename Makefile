# `make dev` runs it, `make test` tests it. Both install what they need when they
# are root on Debian, and say what to install anywhere else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TEMPL := go tool -modfile=tools/go.mod templ
LINT := go tool -modfile=tools/go.mod golangci-lint

.PHONY: help
help: ## what there is
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-9s %s\n", $$1, $$2}'

.PHONY: dev
dev: tools-dev build ## run everything on this machine: sandbox providers, sample people, data in .data (ARGS="--addr :9000")
	./bin/alertsify dev $(ARGS)

.PHONY: demo
demo: tools-dev build ## the main job once, from click to every alert, with the time of each step
	./bin/alertsify demo $(ARGS)

# The race detector's build serves vet as well, so everything is compiled once.
# Tests of the whole product mostly wait for it, so several share a core. The
# simulation waits for nothing: it comes last and has the machine to itself, or
# those beside it run out of time. It lives in one goroutine at a time, where the race
# detector has little to find, and is three times as fast without it.
.PHONY: test
test: tools-test assets ## every test, browser included; under the race detector but for the simulation
	go vet -race ./...
	go test $(LEAN) -vet=off $(EXACT)
	go test $(LEAN) -race -vet=off -parallel=$(AT_ONCE) -timeout=30m $$(go list ./... | grep -v '/internal/simulation$$')
	go test $(LEAN) -vet=off -timeout=20m ./internal/simulation
# No debugger reads these programs. Without its tables each of the fifty is linked in a
# quarter of the time, together minutes; stacks and races are told with their lines all the same.
LEAN = -ldflags=-w
# Plain arithmetic, of which the race detector's build does a fifth: it has nothing to
# find there, and is ten times as slow. These files need nothing else of the program.
EXACT = $(addprefix ./internal/positions/,cost.go oracle_test.go oracle_plain_test.go)
AT_ONCE = $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

.PHONY: e2e
e2e: tools-test assets ## only the tests in a browser
	@test -n "$(BROWSED)" || { echo 'no package has browser tests' >&2; exit 1; }
	go test $(LEAN) -race -count=1 -timeout=20m -v -run Browser $(BROWSED)
BROWSED = $(call packages,chromedp/chromedp)

.PHONY: sim
sim: tools-test ## the order engine's simulation at full length (LIVES=100000, SEED=1, WORLDS= at once)
	go test -count=1 -timeout=12h -v -run '^TestSimulation$$' ./internal/simulation -args -lives=$(LIVES) -seed=$(SEED) $(if $(WORLDS),-worlds=$(WORLDS))
LIVES ?= 100000
SEED ?= 1

.PHONY: storm
storm: tools-test ## take everything away for a minute each while 20 orders a second come in (some for longer: STORM_SECONDS=600 STORM_ONLY="fair,Redis is away")
	STORM_SECONDS=$(STORM_SECONDS) STORM_ONLY="$(STORM_ONLY)" go test -count=1 -timeout=40m -v -run TestStormsPass ./cmd/alertsify
STORM_SECONDS ?= 60

.PHONY: rolling
rolling: tools-test ## restart two instances behind a proxy in turns while 50 orders a second come in (ROLLING_ROUNDS=20)
	ROLLING_ROUNDS=$(ROLLING_ROUNDS) go test -count=1 -timeout=2h -v -run TestRollingRestartsFailNothing ./cmd/alertsify
ROLLING_ROUNDS ?= 20

.PHONY: chaos
chaos: tools-test ## kill -9, dead databases, cut networks, lying brokers, jumping clocks for CHAOS_MINUTES (30); invariants every second (CHAOS_SEED=)
	CHAOS_MINUTES=$(CHAOS_MINUTES) CHAOS_SEED=$(CHAOS_SEED) go test -count=1 -timeout=12h -v -run TestChaosBreaksNothing ./cmd/alertsify
CHAOS_MINUTES ?= 30

.PHONY: proofs
proofs: tools-test ## copies at their limits: the daily cap and kill -9 200 times, the kill switch 100 times; sells of the last contract 200 times; 10,000 alerts over ten minutes of bad answers; 10,000 forged webhooks, 10,000 slow connections (PROOF_ROUNDS=)
	PROOF_ROUNDS=$(PROOF_ROUNDS) go test -count=1 -timeout=2h -parallel=6 -v -run 'TestProofs|TestOfManySells' ./cmd/alertsify
PROOF_ROUNDS ?= 200

# Each function has what it found before in testdata/fuzz, which `make test` runs through
# too. They are found, not listed, so that a new one is not forgotten.
.PHONY: fuzz
fuzz: tools-test ## every decoder of what comes from outside, FUZZ_TIME each (10m); stops at the first that fails
	for package in $(FUZZED); do \
	  for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "$$package $$name"; \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZ_TIME) $$package; \
	  done; \
	done
FUZZED = $(call packages,^func Fuzz)
FUZZ_TIME ?= 10m

.PHONY: screenshots
screenshots: tools-test assets ## a picture of every page and state, 390 and 1440 wide, dark and light, in screenshots/ (PAGES="status copy")
	rm -rf screenshots
	SCREENSHOTS=$(CURDIR)/screenshots go test ./cmd/alertsify -run 'TestBrowser$$/every_page' -count=1
	@echo "$$(ls screenshots | wc -l) pictures in screenshots/"

.PHONY: bench
bench: tools-test assets ## benchmarks as ratios to a floor or a peer in the same run, with what missed its limit (BENCH=Ingest, INGEST_EVENTS=1000000)
	@mkdir -p bin
	failed=0; go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout=60m $(BENCHED) | tee bin/bench.txt || failed=$$?; \
	  awk -f tools/bench.awk tools/bench-limits bin/bench.txt; exit $$failed
BENCHED = $(call packages,^func Benchmark$(BENCH:.=))
BENCH ?= .

.PHONY: size
size: tools-test assets ## what the program takes: memory at rest, time to start, the file; held against tools/bench-limits
	@$(MAKE) --no-print-directory bench BENCH=Size

# packages whose tests hold a text
packages = $(addprefix ./,$(shell grep -rl --include='*_test.go' --exclude-dir=node_modules '$(1)' internal web cmd | xargs -r -n 1 dirname | sort -u))

.PHONY: lint
lint: ## linters, format, no float in money, and templates against their generated code
	$(LINT) run ./...
	cd deploy/load && go vet ./... && go test ./...
	go test -run 'TestMoneyIsNeverAFloat|TestEveryKindOfFloatIsSeen' ./internal/app
	go test -run TestGeneratedTemplatesAreUpToDate ./web

.PHONY: fmt
fmt: ## format Go and templates
	$(LINT) fmt ./...
	$(TEMPL) fmt web

.PHONY: generate
generate: ## templates to Go, which is committed
	$(TEMPL) generate -path web

.PHONY: build
build: assets ## bin/alertsify, one file without outside parts
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/alertsify

.PHONY: clean
clean: ## remove what was built (not .data)
	rm -rf bin web/assets/node_modules
	find web/dist -type f ! -name .keep -delete

.PHONY: tools-dev tools-test
tools-dev tools-test: tools-%:
	@./deploy/install-tools.sh $*

# Styles and scripts are built only when one of their sources is newer.
.PHONY: assets
NPM := $(shell command -v npm)
ifeq ($(NPM),)
assets: ## style and script for the browser (skipped without npm: pages then work as plain forms)
	@echo 'npm is not installed: style and script are not built; the pages work without, as plain forms' >&2
else
INSTALLED := web/assets/node_modules/.package-lock.json
ASSETS := $(shell find web -name node_modules -prune -o -type f \( -name '*.templ' -o -path 'web/ui/*.go' -o -path 'web/assets/*' \) ! -name '*_templ.go' -print)

assets: web/dist/app.js ## style and script for the browser

web/dist/app.js: $(ASSETS) $(INSTALLED)
	cd web/assets && npm run --silent build

$(INSTALLED): web/assets/package.json web/assets/package-lock.json web/assets/.npmrc
	cd web/assets && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
endif
