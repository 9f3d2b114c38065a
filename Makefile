# SPDX-License-Identifier: Apache-2.0
# Everything a person or a CI types. `make` alone lists the targets.

SHELL := /bin/bash
SWIFT ?= swift
VENV := $(CURDIR)/.build-venv
SECONDS_EACH ?= 30
CORE := MidwatchModelTests,JSONTextTests,ReadingRingTests,TelemetryWireTests,AlarmEngineTests,JournalTests,EmbeddedStoreTests
# The tests' Python clients stand before the system's.
TEST_PATH := $(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help deps deps-test build build-tests demo test check lint format core sim bench sanitize fuzz soak clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

deps: ## Install the C libraries the build needs (Debian packages)
	@Deploy/install-packages.sh libpq-dev libsqlite3-dev libyaml-dev pkg-config

deps-test: deps ## Install what the tests need as well
	@Deploy/install-packages.sh postgresql mosquitto mosquitto-clients python3-venv curl openssl e2fsprogs mount binutils strace prometheus prometheus-alertmanager tmux
	@test -x $(VENV)/bin/python3 || python3 -m venv $(VENV)
	@$(VENV)/bin/python3 -c 'import paho.mqtt, aiomqtt, gmqtt, standardwebhooks' 2>/dev/null \
		|| $(VENV)/bin/python3 -m pip install --quiet --disable-pip-version-check paho-mqtt aiomqtt gmqtt standardwebhooks

build: deps ## Build the three programs (release)
	$(SWIFT) build -c release --product midwatchd
	$(SWIFT) build -c release --product midwatch-watchdog
	$(SWIFT) build -c release --product midwatch

demo: build ## See it work: a simulated tunnel, the embedded store, the dashboard
	.build/release/midwatch demo

build-tests: deps-test ## Build every test, and the programs they run (release)
	MIDWATCH_TESTING=1 $(SWIFT) build -c release --build-tests

test: build-tests ## Build and run every test, with real PostgreSQL and MQTT clients
	@set -o pipefail; MIDWATCH_TESTING=1 PATH="$(TEST_PATH)" \
		$(SWIFT) test -c release --skip-build --no-parallel 2>&1 | tee .build/tests.txt \
		|| { Tests/failures.sh .build/tests.txt; exit 1; }

check: lint core ## What to run before a commit: format, core tests with assertions, architecture
	MIDWATCH_TARGETS=ArchitectureTests $(SWIFT) test --scratch-path .build-core

core: deps ## The core's tests in a debug build, assertions on
	MIDWATCH_TARGETS=$(CORE) $(SWIFT) test --scratch-path .build-core

sim: deps ## The simulated plant of one seed (SEED=n), or of a hundred
	$(if $(SEED),MIDWATCH_SIM_SEED=$(SEED)) MIDWATCH_TARGETS=AlarmEngineTests \
		$(SWIFT) test --scratch-path .build-core --filter SimulationTests

lint: ## Check the format
	$(SWIFT) format lint --strict -p -r Sources Tests Package.swift

format: ## Format the tree
	$(SWIFT) format -i -p -r Sources Tests Package.swift

bench: deps-test ## Measure: rates end to end, cost per reading of the core
	PATH="$(TEST_PATH)" Tests/Benchmarks/run.sh

sanitize: deps ## The core's tests under the thread and the address sanitizer (optimised builds)
	SWIFT_BACKTRACE=enable=no MIDWATCH_TARGETS=$(CORE) \
		$(SWIFT) test -c release --sanitize=thread --scratch-path .build-tsan
	SWIFT_BACKTRACE=enable=no MIDWATCH_TARGETS=$(CORE) \
		LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/leaks.txt \
		$(SWIFT) test -c release --sanitize=address -Xswiftc -use-ld=lld --scratch-path .build-asan

fuzz: ## Fuzz the decoders (SECONDS_EACH=30)
	Tests/Fuzz/run.sh $(SECONDS_EACH)

soak: deps-test ## The long forms of the crash, outage and silence tests
	PATH="$(TEST_PATH)" Tests/Soak/soak.sh

clean: ## Remove build folders
	rm -rf .build .build-*
