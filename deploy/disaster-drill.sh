#!/usr/bin/env bash
# Loses a deployment and gets it back, to show that it can be done and how long it takes. It makes a deployment of its own with people who
# read and write, backs it up, lets them write more, destroys data, configuration and secrets of it, all but what an operator keeps
# elsewhere, restores on an empty host, and proves what came back: what the backup had, and what came after it and a client holds. Nothing of
# yours is touched, and nothing is left.
#
# Usage: disaster-drill.sh [--cli BINARY] [--messages N] [--rto SECONDS] [--json] [--keep]
#
#   --cli BINARY    the `sealpost` command; by default the development build of this repository
#   --messages N    messages before the backup (300); a third of that is sent after it
#   --rto SECONDS   how long the way from the empty host to a relay that serves may take (300)
#   --json          the result as one object on standard output
#   --keep          leaves the restored deployment running, and says where
#
# The images must be there, as the settings' defaults name them. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/ci/stage.sh
source "$deploy/ci/stage.sh"
# shellcheck source=deploy/ci/people.sh
source "$deploy/ci/people.sh"

port=${SEALPOST_DRILL_PORT:-7495} messages=300 rto=300 json=false keep=false
cli=${CARGO_TARGET_DIR:-$deploy/../target}/debug/sealpost
while (($#)); do
    case $1 in
        --cli) cli=${2:?--cli needs a file}; shift ;;
        --messages) messages=${2:?--messages needs a number}; shift ;;
        --rto) rto=${2:?--rto needs seconds}; shift ;;
        --json) json=true ;;
        --keep) keep=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
need_engine
need curl openssl
need_python
[[ -x $cli ]] || impossible "there is no $cli: build it (cargo build -p sealpost-cli), or name one with --cli"
[[ $messages =~ ^[1-9][0-9]{0,5}$ && $rto =~ ^[1-9][0-9]{0,4}$ ]] || misused "--messages and --rto are numbers"
take_stage sealpost-drill

declare -A seconds=() # of each step
now() { printf '%s\n' "${EPOCHREALTIME/[.,]/}"; }
# timed STEP COMMAND...: notes how long a step took.
timed() {
    local step=$1 began
    shift
    began=$(now)
    "$@"
    seconds[$step]=$(since "$began")
}
since() { awk "BEGIN { printf \"%.1f\", ($(now) - $1) / 1000000 }"; }

leave() {
    local code=$?
    # shellcheck disable=SC2046 # The shell's own kill, of numbers: a machine may have no other.
    kill $(jobs -p) 2>/dev/null || true
    wait
    ((code == 0)) || tail -n 3 "$folder"/*.log "$homes"/*.error >&2 2>/dev/null || true
    clear_stage "$code"
}

options=(--set SEALPOST_HTTP_PORT="$port" --set SEALPOST_EDGE_SUBNET=172.16.79.0/24 --set SEALPOST_EDGE_RANGE=172.16.79.128/25
    --set SEALPOST_EDGE_TRAEFIK=172.16.79.2)
homes=$folder/people offline=$folder/offline backups=$folder/backups
set_stage "$keep" "${options[@]}"
trap leave EXIT
export SEALPOST_RELAY_URL=http://relay.localhost:$port SEALPOST_PATIENCE=60
mkdir "$homes"

people_meet() {
    SEALPOST_REGISTRATION_TOKEN=$(compose exec -T --index 1 relay /sealpost-relay token create --uses 3)
    export SEALPOST_REGISTRATION_TOKEN
    register alice
    register bob
    register carol
    space=$(share garden)
    let_in "$space" carol
    doomed=$(on alice space create cellar --json | field space)
    on alice send "$doomed" "to be forgotten" >/dev/null
    fingerprint=$(on bob fingerprint --json | field fingerprint)
    become bob tail "$space" --follow --json >"$homes/bob.tail" 2>"$homes/bob.error" &
    send before "$messages"
    on carol tail "$space" --json >"$homes/carol.before" 2>"$homes/carol.error"
}

# send WORD NUMBER: that many messages of Alice's, each acknowledged, and Bob has them as they come.
send() {
    seq -f "$1 %06g" "$2" | on alice send "$space" --one-per-event --json >"$homes/$1.acks"
    (($(lines "$homes/$1.acks") == $2)) || failed "not every message was acknowledged"
    until_true 60 "Bob, who reads on" has_read "$homes/bob.tail" "$1" "$2"
}
texts() { sed -nE "s/.*\"text\":\"($2 [0-9]+)\".*/\1/p" "$1"; }
has_read() { (($(texts "$1" "$2" | wc -l) == $3)); }

# What an operator keeps elsewhere: seal key, operator's password, identity; the backups and the shred ledger lie on another disk.
keep_offline() { cp "$folder/secrets/openbao_seal_key" "$folder/secrets/openbao_operator_password" "$offline/"; }

destroy() {
    compose down --volumes --timeout 3 >/dev/null 2>&1
    cp --archive "$folder/state/shreds" "$offline/shreds"
    rm -rf "$folder/state" "$folder/config" "$folder/secrets" "$env_file"
    [[ -z $(docker ps --all --quiet --filter "label=com.docker.compose.project=$project") ]] || failed "something of the lost host still runs"
}

restore() {
    bootstrap_stage "${options[@]}" --offline "$offline"
    rm -rf "$folder/state/shreds"
    cp --archive "$offline/shreds" "$folder/state/shreds"
    "$deploy/restore.sh" --identity "$offline/identity" --yes --json >"$folder/restored.json" 2>"$folder/restore.log"
}

# A device that knows nothing gets in by the passphrase and reads all that was there at the backup, in its order.
prove_passphrase() {
    on bob-second login "bob-$$" >/dev/null 2>>"$homes/second.error"
    [[ $(on bob-second fingerprint --json | field fingerprint) == "$fingerprint" ]] || failed "Bob has other keys than before"
    on bob-second tail "$space" --json >"$homes/bob.again" 2>>"$homes/second.error"
    texts "$homes/bob.again" before | cmp --silent - <(seq -f 'before %06g' "$messages") || failed "not every message of before the backup is back"
}
prove_recovery_code() {
    on alice-second login --recovery >/dev/null 2>>"$homes/second.error"
    on alice-second tail "$space" --json >"$homes/alice.again" 2>>"$homes/second.error"
    texts "$homes/alice.again" before | cmp --silent - <(seq -f 'before %06g' "$messages") || failed "Alice does not read what she wrote before the backup"
}
# What was deleted after the backup is in it, and nobody gets it again.
prove_deleted() {
    ! on alice-second tail "$doomed" --json >"$homes/doomed" 2>"$homes/doomed.error" || failed "a space that was deleted can be read again"
    grep -q '"tombstoned"' "$homes/doomed.error" && [[ ! -s $homes/doomed ]] || failed "a space that was deleted ends in another way"
}
# In a space of its own, at once: in the old one, new messages would take the places of those that clients may still bring back.
prove_writing() {
    local meadow
    meadow=$(on alice-second space create meadow --json | field space)
    on alice-second send "$meadow" "after the restore" >/dev/null
    [[ $(on alice-second tail "$meadow" --json) == *'"after the restore"'* ]] || failed "the restored relay takes no messages"
}

# What was acknowledged after the backup is back, from Bob's old device, which was connected and has connected again: a device that knows nothing
# reads it, in its order.
prove_healing() {
    until_true 150 "the messages from after the backup" are_back
    texts "$homes/bob.healed" after | cmp --silent - <(seq -f 'after %06g' "$later") || failed "the messages from after the backup are back in another order"
    on alice tail "$space" --json >"$homes/alice.tail" 2>"$homes/alice.error" || failed "Alice's old device does not go on: $(field code <"$homes/alice.error")"
    on alice space create orchard --json >/dev/null 2>"$homes/alice.error" || failed "Alice's old device changes its keystore no more: $(field code <"$homes/alice.error")"
    [[ $(on alice-second space list --json) == *'"orchard"'* ]] || failed "Alice's devices have different keystores"
}
are_back() {
    on bob-second tail "$space" --json >"$homes/bob.healed" 2>>"$homes/second.error"
    healed=$(texts "$homes/bob.healed" after | wc -l)
    ((healed == later))
}
# Carol's removal came after the backup, which has her as a member.
prove_removal() {
    ! on carol tail "$space" --json >"$homes/carol.after" 2>"$homes/carol.error" || failed "who was removed after the backup reads again"
    grep -q '"not_a_member"' "$homes/carol.error" || failed "who was removed after the backup is told something else"
    [[ -z $(texts "$homes/carol.after" after) ]] || failed "who was removed after the backup reads what came after that"
}
# A restored space takes nothing new before those who hold its end had their time: a message waits for that, and is then taken. It is under the key
# of after the removal, which this device has to be given again. A `send` that fails once it has signed leaves its message in the outbox: that one
# goes out, and not a second.
takes_new() {
    local verb=(send "$space" "anew 000001")
    [[ -z $(on alice-second outbox list "$space" --json 2>/dev/null) ]] || verb=(outbox flush "$space")
    on alice-second "${verb[@]}" --json >/dev/null 2>"$homes/second.error"
}
prove_window() {
    (until_true 150 "a restored space that takes new messages" takes_new) || failed "the restored space takes no new message: $(tail -n 3 "$homes/second.error")"
    until_true 60 "Bob, who has read on all the time" has_read "$homes/bob.tail" anew 1
    texts "$homes/bob.tail" after | cmp --silent - <(seq -f 'after %06g' "$later") || failed "Bob has read something twice, or not at all"
}

timed up bring_up
keep_offline
people_meet
say "ok    $messages messages of Alice's, acknowledged and read by Bob, who stays connected"
timed backup "$deploy/backup.sh" --json >"$folder/backup.json" 2>"$folder/backup.log"
made=$(now) backup=$(field id <"$folder/backup.json") bytes=$(field bytes <"$folder/backup.json")
timed verify "$deploy/backup.sh" --verify "$backup" --identity "$offline/identity" >/dev/null 2>"$folder/verify.log"
say "ok    backup $backup: $bytes bytes, made in ${seconds[backup]} s, verified in ${seconds[verify]} s"
later=$(((messages + 2) / 3))
send after "$later"
on alice space remove-member "$space" "carol-$$" >/dev/null
on alice space delete "$doomed" --yes >/dev/null
say "ok    $later messages more, acknowledged after the backup, Carol removed, and a space deleted"
lost_age=$((($(now) - made) / 1000000))
timed destroy destroy
say "ok    the host is lost: data, configuration, secrets"
timed restore restore
served=$(now)
say "ok    restored on an empty host, which serves after ${seconds[restore]} s"
timed passphrase prove_passphrase
say "ok    Bob gets in by his passphrase, has the same keys, and reads all $messages messages of before the backup"
timed recovery prove_recovery_code
say "ok    Alice gets in by her recovery code and reads them too"
prove_deleted
say "ok    the space that was deleted after the backup stays deleted"
timed writing prove_writing
say "ok    the restored relay takes new messages"
prove_healing
seconds[healing]=$(since "$served")
say "ok    all $later messages from after the backup are back, ${seconds[healing]} s after the relay served, and Alice's old device goes on"
prove_removal
say "ok    Carol, who was removed after the backup, reads nothing"
prove_window
seconds[window]=$(since "$served")
say "ok    the restored space takes new messages ${seconds[window]} s after the relay served, and Bob has read everything once"

old_incarnation=$(field old_incarnation <"$folder/restored.json") new_incarnation=$(field new_incarnation <"$folder/restored.json")
rpo=$(setting SEALPOST_BACKUP_RPO)
clean=false
if ! $keep; then
    # shellcheck disable=SC2046 # The shell's own kill, of numbers: a machine may have no other.
    kill $(jobs -p) 2>/dev/null || true
    clear_stage
    trap - EXIT
    [[ -z $(docker ps --all --quiet --filter "label=com.docker.compose.project=$project")$(docker network ls --quiet --filter "label=com.docker.compose.project=$project")$(docker volume ls --quiet --filter "label=com.docker.compose.project=$project") && ! -e $folder ]] ||
        failed "something of the drill was left"
    clean=true
    say "ok    nothing is left of it"
fi

within=$(awk "BEGIN { print (${seconds[restore]} <= $rto) ? \"true\" : \"false\" }")
verdict() { if [[ $1 == true ]]; then echo "ok"; else echo "NOT MET"; fi; }
row() { printf '%-52s %10s  %s\n' "$@" >&2; }
row "" measured ""
row "backup made (of a deployment that serves)" "${seconds[backup]} s" "$bytes bytes"
row "backup verified, without the deployment" "${seconds[verify]} s" ""
row "age of the backup when the host was lost (RPO)" "$lost_age s" "promised: $rpo, by a backup each half of it"
row "empty host to a relay that serves (RTO)" "${seconds[restore]} s" "limit $rto s: $(verdict "$within")"
row "a new device logs in and reads all, by passphrase" "${seconds[passphrase]} s" "$messages of $messages messages"
row "another one, by recovery code" "${seconds[recovery]} s" "$messages of $messages messages"
row "messages from after the backup that are back" "$healed of $later" "from the clients, after ${seconds[healing]} s"
row "a space of before takes new messages again" "${seconds[window]} s" "healers come first (log.recovering_seconds)"
! $json || printf '{"backup":"%s","backup_bytes":%s,"backup_seconds":%s,"verify_seconds":%s,"backup_age_seconds":%s,"rpo":"%s","restore_seconds":%s,"rto_seconds":%s,"rto_met":%s,"messages_before":%s,"messages_before_back":%s,"messages_after":%s,"messages_after_back":%s,"healed_seconds":%s,"new_messages_seconds":%s,"old_incarnation":"%s","new_incarnation":"%s","left_clean":%s}\n' \
    "$backup" "$bytes" "${seconds[backup]}" "${seconds[verify]}" "$lost_age" "$rpo" "${seconds[restore]}" "$rto" "$within" "$messages" "$messages" "$later" "$healed" "${seconds[healing]}" "${seconds[window]}" "$old_incarnation" "$new_incarnation" "$clean"
[[ $within == true ]] || failed "the restore took longer than $rto s"
