#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes the decoders: Tests/Fuzz/run.sh [SECONDS] [NAME...]
#
# Compiles the dependency-free targets with libFuzzer and AddressSanitizer, first runs the canary,
# which must fail, then each fuzzer for SECONDS (30). Finds are kept as crash-* in the build folder,
# whose path is printed; new inputs go there too, so that the corpus in the tree stays small.
set -eu

seconds=${1:-30}
[ $# -gt 0 ] && shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${FUZZ_BUILD:-$root/.build-fuzz}
mkdir -p "$build"

# The Swift backtracer and AddressSanitizer do not bear each other.
SWIFT_BACKTRACE=enable=no
export SWIFT_BACKTRACE

flags="-O -g -swift-version 6 -package-name midwatch -parse-as-library -strict-memory-safety
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
    -enable-upcoming-feature MemberImportVisibility
    -enable-upcoming-feature NonisolatedNonsendingByDefault
    -sanitize=fuzzer,address -I $build"

module() {
    # shellcheck disable=SC2046,SC2086
    swiftc $flags -wmo -emit-module -emit-module-path "$build/$1.swiftmodule" -emit-object \
        -o "$build/$1.o" -module-name "$1" $(find "$root/Sources/$1" -name '*.swift' | sort)
}

fuzzer() {
    # shellcheck disable=SC2086
    swiftc $flags -use-ld=lld -module-name "$1" -o "$build/$1" "$here/$1.swift" \
        "$build/MidwatchModel.o" "$build/JSONText.o" "$build/TelemetryWire.o"
}

for name in MidwatchModel JSONText TelemetryWire; do module "$name"; done

cd "$build"
fuzzer CanaryFuzz
mkdir -p work/Canary
if ./CanaryFuzz -max_total_time=60 -artifact_prefix="$build/canary-" work/Canary \
    "$here/Corpus/LineProtocol" >canary.log 2>&1; then
    echo "fuzz: the canary was not found: these fuzzers prove nothing" >&2
    exit 1
fi
echo "fuzz: canary found"

[ $# -gt 0 ] || set -- Number LineProtocol JSON SenML Payload MQTTStream
for name in "$@"; do
    fuzzer "${name}Fuzz"
    mkdir -p "work/$name"
    if ! "./${name}Fuzz" -max_total_time="$seconds" -max_len=4096 -timeout=60 -print_final_stats=1 \
        -artifact_prefix="$build/" "work/$name" "$here/Corpus/$name" >"$name.log" 2>&1; then
        tail -40 "$name.log" >&2
        echo "fuzz: $name failed; the input is in $build" >&2
        exit 1
    fi
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$name.log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$name.log" | tail -1)
    echo "fuzz: $name $executed executions in $seconds s, coverage $covered, no failure"
done
