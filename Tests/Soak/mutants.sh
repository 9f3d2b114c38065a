#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whether the engine's tests would notice: flips one decision of the engine's source at a time, in a
# copy of the tree, and expects the tests to fail. A mutant that they let pass is one nobody tests.
#
#   Tests/Soak/mutants.sh            all of them, a minute or two each
#   Tests/Soak/mutants.sh 3 7        these alone
#   MUTANTS_FOLDER=DIR               keeps copy and build there, which makes the next run faster
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
swift="${SWIFT:-swift}"
export MIDWATCH_TARGETS=AlarmEngineTests
# Of the simulation one seed: a hundred would take longer than all other tests together.
export MIDWATCH_SIM_SEED=1
engine=Sources/AlarmEngine

# File | what is looked for, as sed has it | what takes its place | what the mutant is
mutants=(
    "AlarmRule.swift|isActive ? value >= self.setpoint - self.deadband : value >= self.setpoint|isActive ? value >= self.setpoint - self.deadband : value > self.setpoint|a value exactly at a high limit is not beyond it"
    "AlarmRule.swift|isActive ? value <= self.setpoint + self.deadband : value <= self.setpoint|isActive ? value < self.setpoint + self.deadband : value <= self.setpoint|a value exactly at the deadband of a low limit is back"
    "AlarmEngine+Alarms.swift|if wasOverLimit { self.raise.* }\$|_ = wasOverLimit|over limit, then lost, raises nothing"
    "AlarmEngine+Alarms.swift|if self.alarms\[alarm\].pending == .offDelay { self.stopDelay(alarm) }|_ = alarm|an off-delay completes on what is in doubt"
    "AlarmEngine+Timers.swift|max(deadline, min(self.lagUntil, deadline.advanced(byNanoseconds: bound)))|bound == 0 ? deadline : max(deadline, self.lagUntil)|our own lag extends a deadline without bounds"
    "AlarmEngine+Sources.swift|UInt64(count) \* 2 >= UInt64|UInt64(count) * 2 > UInt64|half of the sensors silent is no lost source"
    "AlarmEngine+Sources.swift|self.sensors\[index\].lastArrival != .zero, !self.sensors\[index\].isUnknown|self.sensors[index].lastArrival != .zero|proof of life revives a value that cannot be used"
    "AlarmEngine+Control.swift|if !self.sensors\[index\].hasRestartGrace {|if true {|every restart gives a grace"
    "EngineTables.swift|return min(self.deadlineNanoseconds, promised|return max(self.deadlineNanoseconds, promised|a promise makes a deadline longer"
    "Conditions/AlarmEngine+Rules.swift|if case .raising = weight, case .notMet = result { return }|_ = weight|a reading that may raise only ends an alarm"
    "AlarmMachine.swift|guard self.suppression.isEmpty, self.state.isRaised else { return .record }|guard self.suppression.isEmpty, self.state == .unacknowledged else { return .record }|an acknowledged alarm comes out of shelving in silence"
    "Conditions/AlarmEngine+Modes.swift|self.unsettleAll()|_ = area|a mode that people left goes on suppressing"
    "SourceMembers.swift|self.places\[place\].firstMember = member.next|_ = member|a sensor that went elsewhere is lost with the source it left"
    "AlarmEngine+Configuration.swift|self.details\[detail\].causeRow = row|_ = row|an alarm whose place changed is not named as the cause of others any more"
    "SuppressionLinks.swift|activation < \$0|activation != \$0|of a first-out group a later alarm hides an earlier one"
    "Conditions/WindowStatistics.swift|return covered >= self.windowNanoseconds / 5 \* 4|return covered > self.windowNanoseconds / 5 * 4|exactly four fifths cover no window"
)

folder="${MUTANTS_FOLDER:-}"
if [ -z "$folder" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder/tree"
(cd "$root" && git ls-files -z --cached --others --exclude-standard |
    xargs -0 tar -cf - --ignore-failed-read 2>/dev/null) | tar -xf - -C "$folder/tree"
cd "$folder/tree"

# Suites that play many random worlds: asked only for what all others let pass.
slow='SimulationTests|ReplayTests|OracleTests|ShortcutTests|RulePropertyTests|LookTests'
# 0: the tests passed; 1: they failed; 2: it does not compile.
tests() {
    timeout 1800 "$swift" build --build-tests --scratch-path "$folder/build" \
        >"$folder/build.log" 2>&1 || return 2
    local part
    for part in --skip --filter; do
        timeout 1800 "$swift" test --skip-build --scratch-path "$folder/build" \
            "$part" "$slow" >"$folder/test.log" 2>&1 || return 1
    done
}

chosen=("$@")
[ ${#chosen[@]} -gt 0 ] || mapfile -t chosen < <(seq 1 ${#mutants[@]})
# Puts mutant $1 into the tree, and the file as it was into $folder/original.
mutate() {
    IFS='|' read -r file from to what <<<"${mutants[$1 - 1]}"
    cp "$engine/$file" "$folder/original"
    sed "s~$from~$to~" "$folder/original" >"$engine/$file"
    # One place, or it is not known which decision was flipped.
    local places
    places=$(diff "$folder/original" "$engine/$file" | grep -c '^>' || true)
    if [ "$places" -ne 1 ]; then
        echo "mutant $1 is found in $places places of $file, not in one: $what" >&2
        exit 1
    fi
}
# All of them before the first build, which takes minutes.
for number in "${chosen[@]}"; do
    mutate "$number"
    cp "$folder/original" "$engine/$file"
done

if ! tests; then
    echo "the tests fail without any mutant: see $folder/build.log and $folder/test.log" >&2
    tail -20 "$folder/build.log" >&2
    trap - EXIT
    exit 1
fi
survivors=0
for number in "${chosen[@]}"; do
    mutate "$number"
    result=0
    tests || result=$?
    cp "$folder/original" "$engine/$file"
    case $result in
    0)
        survivors=$((survivors + 1))
        echo "SURVIVED $number: $what"
        ;;
    1) echo "killed $number: $what ($(grep -c '^✘ Test "' "$folder/test.log" || true) tests)" ;;
    *)
        echo "mutant $number does not compile: $what" >&2
        exit 1
        ;;
    esac
done
echo "${#chosen[@]} mutants, $survivors survived"
[ "$survivors" -eq 0 ]
