# make demo, make test, make lint: each installs what it lacks first. make help lists the rest.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

VERSION      ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
TRACKER_HOME ?= $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/tracker
PREFIX       ?= /usr/local
PYTHON       ?= python3
FUZZTIME     ?= 100000x
BENCH        ?= .
SOAK         ?= 30m
EDITS        ?= 200
LAG          ?= 3m
RUNS         ?= 20
KILLS        ?= 50
STATICCHECK  := honnef.co/go/tools/cmd/staticcheck@v0.8.2
export TRACKER_HOME PYTHON

# Packages that must build and pass without cgo.
PURE := ./config/... ./detect/... ./track/...

# GoCV builds only its modules that Debian's OpenCV 4.6 has. Flags that the user or `go env -w` set
# stay, and their tags with them. Tests are built like the program, so GoCV is compiled only once.
comma := ,
space := $(subst ,, )
user_flags := $(shell go env GOFLAGS 2>/dev/null)
user_tags  := $(subst $(comma), ,$(patsubst -tags=%,%,$(filter -tags=%,$(user_flags:--%=-%))))
TAGS := $(subst $(space),$(comma),$(sort gocv_specific_modules gocv_videoio gocv_highgui $(user_tags)))
export GOFLAGS := $(strip $(filter-out -tags=% --tags=%,$(user_flags)) -trimpath -tags=$(TAGS))

.PHONY: build
build: packages ## compile bin/tracker
	go build -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o bin/tracker ./cmd/tracker

.PHONY: setup
setup: ## install compiler, OpenCV, FFmpeg, ONNX Runtime, models, the demo video
	@deploy/setup.sh

.PHONY: packages
packages:
	@deploy/setup.sh packages

.PHONY: demo
demo: setup build ## track the people of a street scene into out/vtest.mp4 and out/vtest.txt
	mkdir -p out
	bin/tracker --input build/vtest.avi --backbone mobilenetv2 --classes person \
		--save out/vtest.mp4 --mot out/vtest.txt

.PHONY: test
test: setup test-python ## run every test
	@deploy/setup.sh testing
	go test -tags=$(TAGS),matprofile -timeout 45m ./... # counts what OpenCV still holds at the end
	CGO_ENABLED=0 go test $(PURE)

.PHONY: test-python
test-python:
	$(PYTHON) -m unittest discover -s training

.PHONY: race
race: setup ## run every test under the race detector
	@deploy/setup.sh testing
	go test -race -p 1 -timeout 60m ./... # one package at a time: some read streams in real time

.PHONY: lint
lint: packages ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); [[ -z $$unformatted ]] || \
		{ echo "not gofmt'ed (run gofmt -w):"; echo "$$unformatted"; exit 1; } >&2
	go vet ./...
	go run $(STATICCHECK) ./...

.PHONY: fuzz
fuzz: packages ## fuzz every decoder with FUZZTIME inputs each; `make test` runs the seeds
	@# Numbers, not times: at the end of a time Go sometimes fails without a finding (golang/go#75804),
	@# and an input that covers new code may take it a minute to shorten.
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1000x $$package; \
		done; \
	done

.PHONY: soak
soak: setup ## lose, damage and resize a stream and reload the model for SOAK in one process: nothing may grow
	@deploy/setup.sh testing
	TRACKER_SOAK=$(SOAK) go test -tags=$(TAGS),matprofile -run '^TestSoak$$' -v -count=1 -timeout 0 ./cmd/tracker

.PHONY: edits
edits: setup ## change the configuration EDITS times, well and badly, while a stream is tracked
	@deploy/setup.sh testing
	TRACKER_CONFIG_EDITS=$(EDITS) go test -run '^TestConfigEdits$$' -v -count=1 -timeout 0 ./cmd/tracker

.PHONY: lag
lag: setup ## read a real stream more slowly than it comes for LAG, lose and find it; report lag and gaps
	@deploy/setup.sh testing
	CAPTURE_TEST_LONG=$(LAG) go test -run '^Test(SlowConsumer|Server.*)$$' -v -count=1 -timeout 0 ./capture

.PHONY: kills
kills: setup ## kill a batch of six videos KILLS times at random moments: the results must not differ by a byte
	@deploy/setup.sh testing
	TRACKER_KILLS=$(KILLS) go test -run '^TestBatchSurvivesKills$$' -v -count=1 -timeout 0 ./cmd/tracker

.PHONY: identical
identical: setup ## compare RUNS runs on each of 1, 2 and 4 threads with the serial one, byte for byte
	@deploy/setup.sh testing
	TRACKER_IDENTICAL_RUNS=$(RUNS) go test -run '^TestConcurrentEqualsSerial$$' -v -count=1 -timeout 0 ./cmd/tracker

.PHONY: bench
bench: setup ## run the benchmarks that match BENCH, with allocations
	@deploy/setup.sh testing
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: cover
cover: setup ## measure test coverage into build/cover.html
	@deploy/setup.sh testing
	mkdir -p build
	go test -coverprofile=build/cover.out ./...
	go tool cover -html=build/cover.out -o build/cover.html
	go tool cover -func=build/cover.out | tail -n 1

.PHONY: docker
docker: ## build the container image tracker:VERSION, which is tracker:latest, too
	docker build --build-arg VERSION=$(VERSION) -t tracker:$(VERSION) -t tracker:latest .

.PHONY: install
install: build ## install under PREFIX (/usr/local), honouring DESTDIR
	install -Dm755 bin/tracker $(DESTDIR)$(PREFIX)/bin/tracker
	install -Dm644 config/tracker.yaml $(DESTDIR)$(PREFIX)/share/tracker/tracker.yaml
	TRACKER_HOME=$(DESTDIR)$(PREFIX)/share/tracker deploy/setup.sh runtime models

.PHONY: clean
clean: ## remove what was built; what setup installed stays
	rm -rf bin build out

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 10
