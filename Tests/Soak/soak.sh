#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The long forms of the integration tests: more kills, longer outages, higher rates. Prints what
# was measured. Needs root for the frozen disk.
#
#   Tests/Soak/soak.sh                      everything: two hours, the fuzzers, and mutants.sh
#   Tests/Soak/soak.sh CrashTests           one suite
#   MIDWATCH_SOAK_KILLS=100 Tests/Soak/soak.sh CrashTests
set -euo pipefail
cd "$(dirname "$0")/../.."

export MIDWATCH_SOAK_KILLS="${MIDWATCH_SOAK_KILLS:-20}"
export MIDWATCH_SOAK_RESTARTS="${MIDWATCH_SOAK_RESTARTS:-20}"
export MIDWATCH_SOAK_RESTART_MS="${MIDWATCH_SOAK_RESTART_MS:-15000}"
export MIDWATCH_SOAK_RESTART_DEADLINE_MS="${MIDWATCH_SOAK_RESTART_DEADLINE_MS:-30000}"
export MIDWATCH_SOAK_SENSORS="${MIDWATCH_SOAK_SENSORS:-10000}"
export MIDWATCH_SOAK_RATE="${MIDWATCH_SOAK_RATE:-20000}"
export MIDWATCH_SOAK_OUTAGE_SECONDS="${MIDWATCH_SOAK_OUTAGE_SECONDS:-60}"
export MIDWATCH_SOAK_FREEZE_SECONDS="${MIDWATCH_SOAK_FREEZE_SECONDS:-10}"
export MIDWATCH_SOAK_QUIET_SECONDS="${MIDWATCH_SOAK_QUIET_SECONDS:-600}"

# As `make test` builds: tests see internals.
export MIDWATCH_TESTING=1
swift="${SWIFT:-swift}"
scratch="${MIDWATCH_SCRATCH:-.build}"
[ -n "${MIDWATCH_SKIP_BUILD:-}" ] ||
    "$swift" build -c release --build-tests --scratch-path "$scratch"
"$swift" test -c release --skip-build --scratch-path "$scratch" \
    --filter "IntegrationTests.*${1:-}"

# Delivery of alerts: latency beside endpoints that fail, an outage of ten minutes, a flood, the
# last resort.
if [ -z "${1:-}" ]; then
    for mode in latency outage flood refused; do
        Tests/Soak/alerts.py "$mode" --programs "$scratch/release"
    done
    # The dashboard left open: CPU time, memory, bytes of a frame.
    Tests/Soak/top.py --seconds "${MIDWATCH_SOAK_TOP_SECONDS:-900}" --programs "$scratch/release"
fi

# The simulated plant of many seeds: the hundred of every day and those behind them.
[ -n "${1:-}" ] || MIDWATCH_SIM_SEEDS="${MIDWATCH_SIM_SEEDS:-2000}" \
    "$swift" test -c release --skip-build --scratch-path "$scratch" --filter SimulationTests

# The decoders against made-up bytes: half an hour each.
[ -n "${1:-}" ] || Tests/Fuzz/run.sh "${MIDWATCH_SOAK_FUZZ_SECONDS:-1800}"

# Whether the engine's tests would notice a wrong decision; not with one suite alone.
[ -n "${1:-}" ] || env -u MIDWATCH_TESTING Tests/Soak/mutants.sh
