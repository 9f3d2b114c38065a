#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the MQTT endpoint holds, and mosquitto beside it in the same run where it is installed:
# messages a second by quality of service and connections, CPU time of the server for a message,
# latency to the acknowledgement, connects a second, memory of idle connections.
#
#   Tests/Benchmarks/mqtt.sh
#   SECONDS_EACH=5 CONNECTIONS="1 100" QOS="0 1" Tests/Benchmarks/mqtt.sh
#
# midwatchd acknowledges what is on the disk, mosquitto what is in its memory. With QoS 0 the time
# runs until the server has answered a PINGREQ after the last message: until it has taken them all.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds="${SECONDS_EACH:-10}"
connections="${CONNECTIONS:-1 10 100 1000}"
qualities="${QOS:-0 1 2}"
swift="${SWIFT:-swift}"
scratch="${MIDWATCH_SCRATCH:-.build}"
if [ -z "${MIDWATCH_SKIP_BUILD:-}" ]; then
    for product in midwatchd midwatch; do
        "$swift" build -c release --product "$product" --scratch-path "$scratch"
    done
fi
programs="$PWD/$scratch/release"
idle="$PWD/Tests/Benchmarks/mqtt_connections.py"
folder="$(mktemp -d)"
servers=()
stop() {
    for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
    for server in "${servers[@]}"; do wait "$server" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap stop EXIT
ulimit -n 16384

cat >"$folder/midwatch.yaml" <<END
node: {name: bench, site: bench}
stateDirectory: "$folder/state"
runDirectory: "$folder/run"
ingest:
  mqtt:
    - name: bench
      bind: "127.0.0.1:18830"
      receiveMaximum: 100
      connectionsPerAddressMax: 4096
  undeclaredSensorsMax: 100000
vitals: {canary: "127.0.0.1:18839"}
archive: {store: sqlite}
log: {level: error, format: human}
sensors: []
END
# Starts the servers afresh: `targets` are their names, ports and pids. Before each measurement:
# mosquitto 2.0.11 takes QoS 1 a hundred times slower after a thousand connections have flooded it.
start() {
    for server in "${servers[@]}"; do
        kill "$server"
        wait "$server" || true
    done
    rm -rf "$folder/state" "$folder/run"
    "$programs/midwatchd" --config "$folder/midwatch.yaml" >"$folder/midwatchd.log" 2>&1 &
    servers=("$!")
    targets=("midwatchd 18830 $!")
    local mosquitto
    if mosquitto="$(command -v mosquitto || command -v /usr/sbin/mosquitto)"; then
        printf 'listener 18840 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 100\n' \
            >"$folder/mosquitto.conf"
        "$mosquitto" -c "$folder/mosquitto.conf" >"$folder/mosquitto.log" 2>&1 &
        targets+=("mosquitto 18840 $!")
        servers+=("$!")
    fi
    local target name port pid
    for target in "${targets[@]}"; do
        read -r name port pid <<<"$target"
        for _ in $(seq 300); do
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue 2
            sleep 0.1
        done
        echo "$name does not listen" >&2
        exit 1
    done
}

# CPU time of a process in clock ticks, user and system.
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

# measure NAME PORT PID ARGUMENTS: one line of figures.
measure() {
    local name="$1" port="$2" pid="$3" before after
    shift 3
    before="$(ticks "$pid")"
    "$programs/midwatch" simulate --mqtt "127.0.0.1:$port" --sensors 1000 --window 100 \
        --seconds "$seconds" --json "$@" >"$folder/report.json" || true
    after="$(ticks "$pid")"
    python3 - "$folder/report.json" "$name $*" "$((after - before))" "$(getconf CLK_TCK)" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
sent = max(1, report["sent"])
cpu = int(sys.argv[3]) / int(sys.argv[4]) / sent * 1e6
latency = " ".join(f"{k} {v}" for k, v in report.items() if isinstance(v, dict) for k, v in v.items())
print(f"{sys.argv[2]:58} {report['rate']:>9} msg/s {cpu:7.2f} us CPU each  {latency}", flush=True)
END
}

for quality in $qualities; do
    for count in $connections; do
        start
        for target in "${targets[@]}"; do
            read -r name port pid <<<"$target"
            measure "$name" "$port" "$pid" --qos "$quality" --connections "$count" --rate 0
        done
    done
done
for rate in 5000 20000; do
    start
    for target in "${targets[@]}"; do
        read -r name port pid <<<"$target"
        measure "$name" "$port" "$pid" --qos 1 --connections 100 --rate "$rate"
    done
done
start
for target in "${targets[@]}"; do
    read -r name port pid <<<"$target"
    python3 "$idle" "$name" "$port" "$pid"
done
