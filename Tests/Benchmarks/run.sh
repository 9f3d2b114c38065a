#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every measurement in the tree: cost of the engine per reading, the MQTT endpoint, then rates end
# to end.
set -euo pipefail
cd "$(dirname "$0")/../.."

Tests/Benchmarks/EngineBench/run.sh
Tests/Benchmarks/mqtt.sh
Tests/Soak/rates.sh
