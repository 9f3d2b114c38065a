#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the named Debian packages that are missing. Asks apt only when something is.
set -euo pipefail

missing=()
for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed \
        || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

run=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "missing packages: ${missing[*]}; install them as root: apt-get install ${missing[*]}" >&2
        exit 1
    }
    run=(sudo)
fi
echo "installing: ${missing[*]}"
# No service of a package starts here: the tests start servers of their own.
"${run[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 bash -c '
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null' _ "${missing[@]}"
