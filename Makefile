# Everything a newcomer needs. Only Rust and a C compiler have to be there; tests need Java and Maven as well.
.DEFAULT_GOAL := help
.PHONY: help run broker known-broker build test soak bench lint faultless deny clean

# Where data goes and what else `myevents serve` should be told: make run ARGS="--data-dir /tmp/trial"
ARGS ?=

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Which broker to run on: nothing for the embedded one, amqp (RabbitMQ) or kafka: make run BROKER=kafka
BROKER ?=
WITH_BROKER = target/release/with_servers --folder .data/$(BROKER)/server $(BROKER)=MYEVENTS_BROKER --
DATA_OF_BROKER = $${MYEVENTS_DATA_DIR:-$(CURDIR)/.data/$(BROKER)}

known-broker:
	@case "$(BROKER)" in amqp|kafka) ;; *) \
		echo "error: BROKER=$(BROKER): known are amqp (RabbitMQ) and kafka; make run without it has the embedded one"; exit 1;; esac

# Drivers of brokers that are servers are left out where none is asked for: they take minutes to build.
ifeq ($(BROKER),)
run: tools ## Build the platform and run it
	cargo build --release --locked --package myevents --no-default-features
	target/release/myevents serve $(ARGS)
else
run: known-broker tools driver-tools
	cargo build --release --locked --package myevents --package testkit --bin myevents --bin with_servers
	MYEVENTS_DATA_DIR=$(DATA_OF_BROKER) $(WITH_BROKER) target/release/myevents serve $(ARGS)
endif

broker: known-broker tools driver-tools ## Run the broker of `make run BROKER=…` by itself, for commands while the platform is down
	@test -z "$$MYEVENTS_BROKER" || { echo "error: MYEVENTS_BROKER names a broker already"; exit 1; }
	cargo build --release --locked --package myevents --package testkit --bin myevents --bin with_servers
	@$(WITH_BROKER) sh -c 'echo; echo "It is ready. In another terminal, for commands and for make run BROKER=$(BROKER):"; echo; \
		echo "  export MYEVENTS_BROKER=$$MYEVENTS_BROKER MYEVENTS_DATA_DIR=$(DATA_OF_BROKER)"; echo; \
		echo "Ctrl-C ends it; everything is kept. The next time it has another port."; exec sleep infinity'

build: tools driver-tools ## Build all binaries for release, into target/release
	cargo build --release --locked --workspace

test: tools driver-tools ## Run every test: the README's test command
	cargo build --locked --workspace --all-targets
	target/debug/with_servers amqp kafka -- $(MAKE) --no-print-directory test-everywhere

# What the platform has to do on every broker alike.
ON_EVERY_BROKER = bookings:: booking:: demo:: events:: history:: http_conventions:: idempotency:: \
	crashes::killed crashes::the_load crashes::what crashes::an_ack \
	parked:: racing:: snapshots:: upcasting:: restore::a_platform restore::a_service restore::a_broker \
	rebuild::a_damaged rebuild::it_can rebuild::killed rebuild::of_two rebuild::replaced \
	rebuild::views rebuild::what_took

.PHONY: test-everywhere one-broker
test-everywhere:
	cargo test --locked --workspace
	MYEVENTS_TEST_BROKER=amqp $(MAKE) --no-print-directory one-broker
	MYEVENTS_TEST_BROKER=kafka $(MAKE) --no-print-directory one-broker

one-broker:
	cargo test --locked --workspace --test it -- $(ON_EVERY_BROKER)

# How long to soak, and which faults to repeat: make soak MINUTES=60 SEED=7
MINUTES ?= 10
SEED ?=

soak: tools driver-tools ## Let random faults fall on the platform for MINUTES, and look for what they broke
	cargo build --locked --workspace --all-targets
	MINUTES=$(MINUTES) SEED=$(SEED) cargo test --locked --workspace --test it -- --ignored --exact soak::soak --nocapture

# One build of all, so that their dependencies are built once.
bench: tools driver-tools ## Measure the released platform and the brokers' adapters, and write docs/benchmarks.md
	cargo build --release --locked --package myevents --package benchmarks --package testkit
	target/release/with_servers amqp kafka -- target/release/benchmarks run --write docs/benchmarks.md $(ARGS)

lint: tools driver-tools ## Check format, lints and dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	$(MAKE) faultless
	$(MAKE) deny

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
