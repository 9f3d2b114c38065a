#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Measures the payload decoders: Tests/Benchmarks/WireBench/run.sh
#
# Compiles the dependency-free targets and the benchmark as a release build compiles them and runs
# it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=${BENCH_BUILD:-$root/.build-bench}
mkdir -p "$build"

flags="-O -g -swift-version 6 -package-name midwatch -parse-as-library -strict-memory-safety
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
    -enable-upcoming-feature MemberImportVisibility
    -enable-upcoming-feature NonisolatedNonsendingByDefault
    -enable-default-cmo -I $build"

module() {
    # shellcheck disable=SC2046,SC2086
    swiftc $flags -wmo -emit-module -emit-module-path "$build/$1.swiftmodule" -emit-object \
        -o "$build/$1.o" -module-name "$1" $(find "$root/Sources/$1" -name '*.swift' | sort)
}

for name in MidwatchModel JSONText TelemetryWire; do module "$name"; done
# shellcheck disable=SC2086
swiftc $flags -module-name WireBench -o "$build/bench-wire" "$here/bench-wire.swift" \
    "$build/MidwatchModel.o" "$build/JSONText.o" "$build/TelemetryWire.o"

exec "$build/bench-wire"
