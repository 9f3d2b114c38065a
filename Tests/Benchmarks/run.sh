#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every measurement in the tree: cost of engine and decoders per reading, the MQTT endpoint, then
# rates end to end.
set -euo pipefail
cd "$(dirname "$0")/../.."

Tests/Benchmarks/EngineBench/run.sh
Tests/Benchmarks/EngineBench/run.sh 100000
DEADLINES=1 Tests/Benchmarks/EngineBench/run.sh
Tests/Benchmarks/mqtt.sh
Tests/Benchmarks/WireBench/run.sh
Tests/Soak/rates.sh
