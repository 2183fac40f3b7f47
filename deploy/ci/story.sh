#!/usr/bin/env bash
# The story of Alice and Bob by the command line, against a relay that is up: they register, share a space, read each other live,
# Bob loses his device, and Alice sends many messages while something happens to the deployment. Every acknowledged message must
# arrive once and in order.
#
# Usage: story.sh --url URL --token TOKEN --cli BINARY [--messages N] [--disturb COMMAND]
#
# SEALPOST_CONNECT_TO, SEALPOST_CA_FILE and SEALPOST_HEADERS_FILE are the command's own. Exit codes: ../lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=deploy/ci/people.sh
source "$deploy/ci/people.sh"

url='' token='' cli='' messages=400 disturb=true
while (($#)); do
    case $1 in
        --url) url=${2:?--url needs a URL}; shift ;;
        --token) token=${2:?--token needs a token}; shift ;;
        --cli) cli=${2:?--cli needs a file}; shift ;;
        --messages) messages=${2:?--messages needs a number}; shift ;;
        --disturb) disturb=${2:?--disturb needs a command}; shift ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
[[ -n $url && -n $token && -x $cli ]] || misused "--url, --token and --cli are needed"

folder=$(mktemp -d)
homes=$folder
clean_up() {
    local code=$?
    # shellcheck disable=SC2046 # The shell's own kill, of numbers: a machine may have no other.
    kill $(jobs -p) 2>/dev/null || true
    wait
    if ((code)); then
        tail -n 5 "$folder"/*.error >&2 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap clean_up EXIT
export SEALPOST_RELAY_URL=$url SEALPOST_REGISTRATION_TOKEN=$token SEALPOST_PATIENCE=90

register alice
register bob
say "ok    Alice and Bob are registered"
space=$(share garden)
say "ok    they share a space"

become bob tail "$space" --follow --json >"$folder/bob.tail" 2>"$folder/bob.error" &
reader=$!
on alice send "$space" "hello Bob" >/dev/null
until_true 30 "Alice's message at Bob's, live" grep -q '"hello Bob"' "$folder/bob.tail"
say "ok    Bob reads Alice live, by WebSocket"

kill "$reader"
rm -rf "$folder/bob"
on bob-second login --recovery >/dev/null
on bob-second tail "$space" --json >"$folder/bob.again"
grep -q '"hello Bob"' "$folder/bob.again" || failed "Bob's new device does not read the old message"
say "ok    Bob lost his device and reads on with the recovery code"

become bob-second tail "$space" --follow --json >"$folder/all" 2>"$folder/bob.error" &
: >"$folder/acks" # counted before the sender, in the background, has made it
seq -f 'ledger line %05g' "$messages" | become alice send "$space" --one-per-event --json >"$folder/acks" 2>"$folder/alice.error" &
sender=$!
until_true 120 "a tenth of the acks" at_least "$folder/acks" $((messages / 10))
before=$(lines "$folder/acks")
bash -c "$disturb" >"$folder/disturb.error" 2>&1 || failed "what was to happen meanwhile failed: $disturb"
wait "$sender" || failed "Alice could not send all her messages, acked: $(lines "$folder/acks")"
has_all() { (($(grep -cF '"ledger line ' "$folder/all") >= messages)); }
until_true 90 "all messages at Bob's, who reads on meanwhile" has_all
grep -F '"ledger line ' "$folder/all" >"$folder/delivered"
ledger=$("$deploy/../scripts/ledger" "$folder/acks" "$folder/delivered") || true # it says what does not add up
[[ $ledger == "acked=$messages lost=0 doubled=0 gaps=0" ]] || failed "the ledger does not add up: $ledger"
say "ok    $ledger, disturbed after $before acks: $disturb"
