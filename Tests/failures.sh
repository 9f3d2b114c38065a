#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What failed in a run of the tests, in a few short lines: Tests/failures.sh OUTPUT-FILE
set -euo pipefail
export LC_ALL=C.UTF-8

echo "What failed (all of it: $1):"
awk -v most=12 '
    function say(text) { lines[++said] = substr(text, 1, 280) }
    # ✘ Test "NAME" recorded an issue [with 1 argument …] at FILE:LINE:COLUMN: WHAT
    / recorded an issue / {
        match($0, / at [^ ]*:[0-9]+:[0-9]+: /)
        place = substr($0, RSTART + 4, RLENGTH - 6)
        isFirst = !times[place]++
        if (isFirst) {
            what = substr($0, RSTART + RLENGTH)
            head = substr($0, 1, RSTART)
            sub(/^[^"A-Za-z]*Test (case )?/, "", head)
            sub(/ recorded an issue( with [0-9]+ arguments?)?/, "", head)
            say(place " " substr(what, 1, 150) " <" substr(head, 1, 90) ">")
            at[place] = said
        }
        next
    }
    # What the test says of it, but not its own comments.
    isFirst && /^↳/ { if ($2 !~ /^\/\//) say("    " $0) ; next }
    { isFirst = 0; last = $0 }
    /Fatal error|[Pp]rogram crashed|unexpected signal|^error:/ { say($0) }
    / started\.$/ { begun = $0 }
    END {
        for (place in times) if (times[place] > 1) lines[at[place]] = lines[at[place]] " (" times[place] " times)"
        for (i = 1; i <= said && i <= most; i++) print lines[i]
        if (said > most) print "… and " said - most " lines more"
        # A run without its summary died in the test that began last.
        if (!length(times)) { print substr(begun, 1, 200); print substr(last, 1, 200) }
    }' "$1"
