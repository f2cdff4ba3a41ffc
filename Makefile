# Type `make` to see what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What the tests need beside Rust lies outside the checkout, so that a fresh clone finds it again.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/berth
TOOLS := $(or $(BERTH_TEST_CACHE),$(HOME)/.cache/berth)/tools
export PATH := $(TOOLS)/bin:$(PATH)

# On CI so does what cargo has compiled.
ifeq ($(CI),true)
export CARGO_TARGET_DIR ?= $(CACHE)/target
endif

# How long `make fuzz` runs each target.
SECONDS_EACH ?= 60
FUZZ_TARGETS = $(basename $(notdir $(wildcard tests/fuzz/fuzz_targets/*.rs)))

.PHONY: help run check test test-long fmt fmt-check clippy deny doc docs tools bench bench-shared fuzz
.PHONY: compile-checked compile-tests fuzz-check tools-for-tests

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the registry on port 5000, with its data in ./berth-data
	cargo run --release -- serve

# Compiling and fetching do not need each other, and either takes minutes the first time.
check: fmt-check ## everything a change must pass: format, lints, dependency rules, documentation, tests
	@$(MAKE) -j2 tools compile-checked
	@$(MAKE) deny
	cargo test --workspace

test: ## all tests but the long ones
	@$(MAKE) -j2 tools-for-tests compile-tests
	cargo test --workspace

test-long: ## the tests that take minutes: a layer of 1 GiB, a storm of clients and kills
	@$(MAKE) -j2 tools-for-tests compile-tests
	cargo test -p berth-tests -- --ignored

fmt: ## format the code
	cargo fmt --all

fmt-check:
	cargo fmt --all --check

clippy: ## lint
	cargo clippy --workspace --all-targets -- -D warnings

deny: ## check licences, sources, duplicates and who may depend on whom
	cargo fetch --locked --quiet
	cargo deny --offline check licenses bans sources

doc: ## build the documentation of the code
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps

docs: ## write docs/configuration.md from the code
	cargo run --quiet -p berth -- config reference > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md

# Without the target directory of this workspace: cargo would wait for its lock.
tools: ## install what `make check` needs
	@env -u CARGO_TARGET_DIR tests/tools/install clients servers check

tools-for-tests:
	@env -u CARGO_TARGET_DIR tests/tools/install clients servers

compile-tests:
	cargo test --workspace --no-run

compile-checked:
	@$(MAKE) -j1 clippy doc compile-tests fuzz-check

# They are a workspace of their own, which the others do not compile; here only so that they do not rot.
fuzz-check:
	CARGO_TARGET_DIR="$${CARGO_TARGET_DIR:-$(CURDIR)/target}" cargo check --locked --manifest-path tests/fuzz/Cargo.toml

bench: ## compare with distribution on this machine
	@env -u CARGO_TARGET_DIR tests/tools/install bench
	cargo build --release -p berth
	cargo run --release -p berth-benches --bin compare

bench-shared: ## the same on PostgreSQL and MinIO
	@env -u CARGO_TARGET_DIR tests/tools/install servers bench
	cargo build --release -p berth
	cargo run --release -p berth-benches --bin compare -- --stores shared

fuzz: ## feed the parsers with garbage, SECONDS_EACH (60) a target; needs cargo-fuzz
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }
	cd tests && for target in $(FUZZ_TARGETS); do \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run "$$target" -- -max_total_time=$(SECONDS_EACH); \
	done
