#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the whole pipeline holds: generator, daemon and PostgreSQL on this machine's cores. For each
# rate: what was sent, stored, lost and queued, CPU time per reading of each process, and the
# threads that used it.
#
#   Tests/Soak/rates.sh                                   the two promised rates, 20 s each
#   MIDWATCH_SOAK_UDP_RATES=200000,300000,400000 MIDWATCH_SOAK_MQTT_RATES=50000,80000 \
#       Tests/Soak/rates.sh                               other rates
set -euo pipefail
cd "$(dirname "$0")/../.."

# As `make test` builds: tests see internals.
export MIDWATCH_TESTING=1
export MIDWATCH_SOAK_RATES=1
swift="${SWIFT:-swift}"
scratch="${MIDWATCH_SCRATCH:-.build}"
[ -n "${MIDWATCH_SKIP_BUILD:-}" ] ||
    "$swift" build -c release --build-tests --scratch-path "$scratch"
"$swift" test -c release --skip-build --scratch-path "$scratch" --filter RateTests |
    grep -E "FIGURE|✘|error"
