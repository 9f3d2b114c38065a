#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Measures the alarm engine: Tests/Benchmarks/EngineBench/run.sh [SENSORS] [READINGS]
# DEADLINES=1 measures how late silence is noticed instead, in a minute of real time:
# DEADLINES=1 Tests/Benchmarks/EngineBench/run.sh [DEADLINES] [SECONDS]
#
# Compiles the dependency-free targets and the benchmark as a release build compiles them and runs
# it. COUNT=1 runs it under callgrind instead and prints instructions a reading and the calls of
# the runtime on the way of a reading: there should be none.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=${BENCH_BUILD:-$root/.build-bench}
mkdir -p "$build"

flags="-O -g -swift-version 6 -package-name midwatch -parse-as-library -strict-memory-safety
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
    -enable-upcoming-feature MemberImportVisibility
    -enable-upcoming-feature NonisolatedNonsendingByDefault
    -enable-default-cmo -I $build -Xcc -fmodule-map-file=$build/CLinux.modulemap"

cat >"$build/CLinux.modulemap" <<EOF
module CLinux { umbrella header "$root/Sources/CLinux/include/CLinux.h" export * }
EOF

module() {
    # shellcheck disable=SC2046,SC2086
    swiftc $flags -wmo -emit-module -emit-module-path "$build/$1.swiftmodule" -emit-object \
        -o "$build/$1.o" -module-name "$1" $(find "$root/Sources/$1" -name '*.swift' | sort)
}

for name in MidwatchModel JSONText AlarmEngine; do module "$name"; done
program=bench-core
[ "${DEADLINES:-0}" = 0 ] || program=bench-deadlines
# shellcheck disable=SC2086
swiftc $flags -module-name EngineBench -o "$build/$program" "$here/$program.swift" \
    "$build/MidwatchModel.o" "$build/JSONText.o" "$build/AlarmEngine.o"

if [ "${COUNT:-0}" = 0 ]; then
    exec "$build/$program" "$@"
fi
# Fourteen kinds of round, five rounds each; only what happens inside of a reading is counted.
readings=100000
valgrind --tool=callgrind --toggle-collect='*applyReading*' \
    --callgrind-out-file="$build/callgrind.out" \
    "$build/bench-core" 10000 "$readings" >/dev/null 2>"$build/callgrind.log"
instructions=$(sed -n 's/^summary: *//p; s/^totals: *//p' "$build/callgrind.out" | head -1)
echo "$((instructions / (readings * 70))) instructions a reading"
callgrind_annotate --threshold=100 "$build/callgrind.out" 2>/dev/null |
    grep -E 'swift_retain|swift_release|swift_beginAccess|swift_isUniquelyReferenced|malloc.c' ||
    echo "no reference is counted and no memory taken"
