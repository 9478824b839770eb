# Everything a newcomer needs. Only Rust, a C compiler and Node have to be there; tests need Java, Maven, Go and Python's pip as well.
.DEFAULT_GOAL := help
.PHONY: help run servers known-servers build test check-deploy test-deploy soak bench lint faultless deny clean

# Where data goes and what else `myevents serve` should be told: make run ARGS="--data-dir /tmp/trial"
ARGS ?=

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Which broker and which store to run on: nothing for the embedded ones, else amqp (RabbitMQ) or kafka, and mongodb:
# make run BROKER=kafka STORE=mongodb
BROKER ?=
STORE ?=
# What has to be started beside the platform, and where it and the platform keep what they have.
SERVERS = $(BROKER:%=%=MYEVENTS_BROKER) $(STORE:%=%=MYEVENTS_STORE)
KEPT = .data/$(subst $(SPACE),-,$(strip $(BROKER) $(STORE)))
EMPTY :=
SPACE := $(EMPTY) $(EMPTY)
WITH_SERVERS = target/release/with_servers --folder $(KEPT)/server $(SERVERS) --
DATA = $${MYEVENTS_DATA_DIR:-$(CURDIR)/$(KEPT)}
# Inside single quotes: the line that tells commands where everything is.
TELL = printf "  export MYEVENTS_DATA_DIR=%s" "$(DATA)"; \
	test -z "$(BROKER)" || printf " MYEVENTS_BROKER=\"%s\"" "$$MYEVENTS_BROKER"; \
	test -z "$(STORE)" || printf " MYEVENTS_STORE=\"%s\"" "$$MYEVENTS_STORE"; \
	echo; echo

known-servers:
	@case "$(BROKER)" in ""|amqp|kafka) ;; *) \
		echo "error: BROKER=$(BROKER): known are amqp (RabbitMQ) and kafka; make run without it has the embedded one"; exit 1;; esac
	@case "$(STORE)" in ""|mongodb) ;; *) \
		echo "error: STORE=$(STORE): known is mongodb; make run without it has the embedded one"; exit 1;; esac

# Drivers of servers are left out where none is asked for: they take minutes to build.
ifeq ($(BROKER)$(STORE),)
run: tools page ## Build the platform and run it
	cargo build --release --locked --package myevents --no-default-features
	target/release/myevents serve $(ARGS)
else
run: known-servers tools driver-tools page
	cargo build --release --locked --package myevents --package testkit --bin myevents --bin with_servers
	@export MYEVENTS_DATA_DIR=$(DATA); $(WITH_SERVERS) sh -c 'echo; echo "For commands in another terminal:"; echo; $(TELL); exec target/release/myevents serve "$$@"' serve $(ARGS)
endif

servers: known-servers tools driver-tools ## Run the servers of `make run BROKER=… STORE=…` by themselves, for commands while the platform is down
	@test -n "$(BROKER)$(STORE)" || { echo "error: say which: make servers BROKER=… STORE=…"; exit 1; }
	cargo build --release --locked --package myevents --package testkit --bin myevents --bin with_servers
	@$(WITH_SERVERS) sh -c 'echo; echo "Ready. In another terminal, for commands and for make run BROKER=$(BROKER) STORE=$(STORE):"; echo; \
		$(TELL); echo "Ctrl-C ends it; everything is kept. The next time it has other ports."; exec sleep infinity'

build: tools driver-tools page ## Build all binaries for release, into target/release
	cargo build --release --locked --workspace

test: tools driver-tools page browser ## Run every test: the README's test command
	cargo build --locked --workspace --all-targets
	target/debug/with_servers amqp kafka mongodb -- $(MAKE) --no-print-directory test-everywhere
	$(MAKE) --no-print-directory test-page
	target/debug/with_servers kafka=MYEVENTS_BROKER mongodb=MYEVENTS_STORE -- $(MAKE) --no-print-directory test-in-browser JOURNEYS="$(EVERY_JOURNEY)"
	$(MAKE) --no-print-directory check-deploy

check-deploy: ## Check what is declared in deploy: rules and alerts, manifests, compose, Dockerfiles
	deploy/checks/all.sh

test-deploy: ## What is slow about deploy: images built and run, and manifests against a Kubernetes API server
	deploy/checks/containers.sh
	deploy/checks/api_server.sh

# What the platform has to do on every broker and every store alike.
EVERYWHERE = bookings:: booking:: demo:: events:: history:: http_conventions:: idempotency:: live::what live::who \
	crashes::killed crashes::the_load crashes::what crashes::an_ack \
	parked:: racing:: snapshots:: upcasting:: restore::a_platform restore::a_service restore::a_broker \
	rebuild::a_damaged rebuild::it_can rebuild::killed rebuild::of_two rebuild::replaced \
	rebuild::views rebuild::what_took
# Where store and broker are servers that have been tested one by one: what goes through both.
TOGETHER = bookings:: booking:: events:: history:: idempotency:: live::who parked::what_the racing:: \
	restore::a_platform rebuild::killed crashes::what traces::
# A server has no folder that could be missing.
NOT_AT_SERVERS = --skip parked::a_folder_without_stores

.PHONY: test-everywhere everywhere together test-late
test-everywhere:
	cargo test --locked --workspace
	MYEVENTS_TEST_BROKER=amqp $(MAKE) --no-print-directory everywhere
	MYEVENTS_TEST_BROKER=kafka $(MAKE) --no-print-directory everywhere
	MYEVENTS_TEST_STORE=mongodb $(MAKE) --no-print-directory everywhere
	MYEVENTS_TEST_STORE=mongodb MYEVENTS_TEST_BROKER=amqp $(MAKE) --no-print-directory together
	MYEVENTS_TEST_STORE=mongodb MYEVENTS_TEST_BROKER=kafka $(MAKE) --no-print-directory together

everywhere:
	cargo test --locked --workspace --test it -- $(EVERYWHERE) $(if $(MYEVENTS_TEST_STORE),$(NOT_AT_SERVERS))

together:
	cargo test --locked --workspace --test it -- $(TOGETHER)

# A test that reads too early passes nearly always where nothing is late. The whole workspace is built because its programs
# have faults then, which the package of the platform alone has not.
test-late: tools driver-tools page browser ## Run what has to hold everywhere with one service's consumers late: finds tests that read too early
	cargo build --locked --workspace --all-targets
	for service in event booking; do \
		export MYEVENTS_LATE=$$service.@$(LATE_MILLISECONDS); \
		$(MAKE) --no-print-directory everywhere && $(MAKE) --no-print-directory test-in-browser || exit 1; \
	done
LATE_MILLISECONDS = 300

.PHONY: page browser test-page test-in-browser lint-page develop
PAGE_SOURCES = $(shell find frontend/src -type f) $(wildcard frontend/*.html frontend/*.ts frontend/*.json)

page: frontend/dist/index.html ## Build the page that browsers show, which goes into the platform
frontend/dist/index.html: frontend/node_modules/.package-lock.json $(PAGE_SOURCES)
	cd frontend && npm run --silent build

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20.19 or newer is needed for the page: https://nodejs.org"; exit 1; }
	cd frontend && npm ci --no-audit --no-fund
	@touch $@

develop: frontend/node_modules/.package-lock.json ## Serve the page with hot reload, beside a platform that `make run` has started
	cd frontend && npm run dev

browser:
	@{ command -v chromium && command -v nginx; } >/dev/null || { \
		echo "Installing Chromium and nginx for tests"; apt-get update -q && apt-get install -qy chromium nginx-light; }

test-page: tools driver-tools page browser ## Test the page: its logic, and in a browser against a platform of its own
	cargo build --locked --package myevents
	cd frontend && npm test
	$(MAKE) --no-print-directory test-in-browser

# What people do, whichever store and broker there are; the rest asks nothing of them.
EVERY_JOURNEY = organiser together visitor
test-in-browser:
	cd frontend && MYEVENTS_PROGRAM=$(CURDIR)/target/debug/myevents MYEVENTS_CHROMIUM=$$(command -v chromium) npm run e2e -- $(JOURNEYS)

lint-page: frontend/node_modules/.package-lock.json
	cd frontend && npm run lint && npx tsc --noEmit

# How long to soak, and which faults to repeat: make soak MINUTES=60 SEED=7
MINUTES ?= 10
SEED ?=

soak: tools driver-tools ## Let random faults fall on the platform for MINUTES, and look for what they broke
	cargo build --locked --workspace --all-targets
	MINUTES=$(MINUTES) SEED=$(SEED) cargo test --locked --workspace --test it -- --ignored --exact soak::soak --nocapture

# One build of all, so that their dependencies are built once.
bench: tools driver-tools page ## Measure the released platform and the brokers' adapters, and write docs/benchmarks.md
	cargo build --release --locked --package myevents --package benchmarks --package testkit
	target/release/with_servers amqp kafka mongodb -- target/release/benchmarks run --write docs/benchmarks.md $(ARGS)

lint: tools driver-tools ## Check format, lints and dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	$(MAKE) faultless
	$(MAKE) deny
	$(MAKE) lint-page

faultless: ## Check that no program is built with the faults that tests order
	@tree=$$(cargo tree --locked --workspace --edges features,no-dev --invert chassis) || exit 1; \
	case "$$tree" in *'chassis feature "faults"'*) \
		echo "error: a program would be built with chassis/faults, which is for tests only"; exit 1;; esac

deny: ## Check licences, sources, and who may use which driver crate
	@command -v cargo-deny >/dev/null || { echo "Installing cargo-deny, which checks the dependencies (a few minutes)"; \
		cargo install --locked --version 0.20.2 cargo-deny; }
	cargo deny --workspace check bans licenses sources

# SQLite and the cryptography are compiled from C.
.PHONY: tools
tools:
	@command -v cargo >/dev/null || { echo "Rust 1.95 or newer is needed: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "Installing a C compiler with apt-get"; apt-get update -q && apt-get install -qy gcc libc6-dev; }

# librdkafka is compiled from C, with the system's OpenSSL.
.PHONY: driver-tools
driver-tools: tools
	@{ command -v make && command -v pkg-config && pkg-config --exists openssl zlib; } >/dev/null || { \
		echo "Installing what Kafka's driver is built with"; \
		apt-get update -q && apt-get install -qy make g++ pkg-config libssl-dev zlib1g-dev; }

clean: ## Remove everything that was built
	cargo clean
	rm -rf frontend/dist frontend/node_modules
