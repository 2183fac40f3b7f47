#!/usr/bin/env bash
# Upgrades a deployment of its own under load and goes back again, both ways: to a release with the same schema, from which only the images
# go back and nothing is lost; and to one with a newer schema, from which the old release comes back with the backup of before. At the end it
# takes everything away.
#
# Usage: upgrade.sh --cli BINARY --next BINARY [--keep]
#
#   --cli BINARY   the `sealpost` command
#   --next BINARY  a static sealpost-relay with one migration more than the one of the images (scripts/prove upgrade builds it)
#
# It has a project, a folder and networks of its own. Exit codes: ../lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=deploy/ci/stage.sh
source "$deploy/ci/stage.sh"
# shellcheck source=deploy/ci/people.sh
source "$deploy/ci/people.sh"

cli='' next='' keep=false
while (($#)); do
    case $1 in
        --cli) cli=${2:?--cli needs a file}; shift ;;
        --next) next=${2:?--next needs a file}; shift ;;
        --keep) keep=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
[[ -x $cli && -x $next ]] || misused "--cli and --next are needed"
need_engine
take_stage sealpost-upgrade
homes=$folder/people
set_stage "$keep" --set SEALPOST_HTTP_PORT=7497 --set SEALPOST_EDGE_SUBNET=172.16.81.0/24 --set SEALPOST_EDGE_RANGE=172.16.81.128/25 \
    --set SEALPOST_EDGE_TRAEFIK=172.16.81.2
leave() {
    local code=$?
    docker image rm --force sealpost-relay:same sealpost-backup:same sealpost-relay:next sealpost-backup:next >/dev/null 2>&1 || true
    clear_stage "$code"
}
trap leave EXIT
mkdir "$homes"
url=http://relay.localhost:7497
export SEALPOST_RELAY_URL=$url SEALPOST_PATIENCE=60

# release NAME DOCKERFILE_LINE...: images of a release, from the ones that are here and these lines.
release() {
    local name=$1 context
    shift
    context=$(mktemp -d)
    strip -o "$context/sealpost-relay" "$next"
    { printf 'FROM %s\n' "$(setting SEALPOST_RELAY_IMAGE)"; printf '%s\n' "$@"; } >"$context/Dockerfile"
    docker build --quiet --tag "sealpost-relay:$name" "$context" >/dev/null
    rm -rf "$context"
    docker build --quiet --build-arg RELAY="sealpost-relay:$name" --build-arg POSTGRES="$(setting SEALPOST_POSTGRES_IMAGE)" \
        --tag "sealpost-backup:$name" "$deploy/images/backup" >/dev/null
}
runs() { docker inspect --format '{{.Image}}' "$(container_of relay)"; }
id_of() { docker image inspect --format '{{.Id}}' "$1"; }
token() { compose exec -T --index 1 relay /sealpost-relay token create --uses 2; }
# under_load COMMAND: the story, whose sender goes on meanwhile; its ledger has to add up.
under_load() { "$deploy/ci/story.sh" --url "$url" --token "$(token)" --cli "$cli" --messages 1500 --disturb "$1" 2>&1 | grep "^ok    acked" >&2; }
texts() { on "$1" tail "$space" --json 2>>"$homes/error" | sed -nE 's/.*"text":"([^"]*)".*/\1/p'; }

release same 'LABEL release=same'
release next 'COPY sealpost-relay /sealpost-relay'
# By their ids: a tag may be given to another one.
pin_images RELAY BACKUP
bring_up
SEALPOST_REGISTRATION_TOKEN=$(token)
export SEALPOST_REGISTRATION_TOKEN
register alice
space=$(on alice space create garden --json | field space)
on alice send "$space" "before all of it" >/dev/null
old=$(schema_now) before=$(runs)

under_load "'$deploy/upgrade.sh' --relay sealpost-relay:same --backup sealpost-backup:same --yes"
[[ $(runs) == "$(id_of sealpost-relay:same)" && $(schema_now) == "$old" ]] || failed "the relays do not run the new release"
on alice send "$space" "on the release with the same schema" >/dev/null
say "ok    upgraded under load to a release with the same schema, $old"
under_load "'$deploy/upgrade.sh' --rollback --yes"
[[ $(runs) == "$before" ]] || failed "the relays do not run the old release"
[[ $(texts alice) == $'before all of it\non the release with the same schema' ]] || failed "going back lost something"
say "ok    and back under load, with nothing lost"

under_load "'$deploy/upgrade.sh' --relay sealpost-relay:next --backup sealpost-backup:next --yes"
newer=$(schema_now)
[[ $(runs) == "$(id_of sealpost-relay:next)" && $newer -gt $old ]] || failed "the schema is still $newer"
on alice send "$space" "on the release with the newer schema" >/dev/null
"$deploy/backup.sh" >/dev/null 2>&1 || failed "the new release makes no backup"
say "ok    upgraded under load from schema $old to $newer"
! "$deploy/upgrade.sh" --rollback --yes >"$folder/refusal" 2>&1 || failed "it went back without the backup that this takes"
grep -q "the schema has moved from $old to $newer: --identity is needed" "$folder/refusal" || { cat "$folder/refusal" >&2; failed "not named: the schema"; }
began=$SECONDS
"$deploy/upgrade.sh" --rollback --identity "$folder/offline/identity" --yes >/dev/null 2>"$folder/rollback.log" || { cat "$folder/rollback.log" >&2; failed "it does not go back"; }
[[ $(runs) == "$before" && $(schema_now) == "$old" ]] || failed "the old release does not run on the old schema"
on alice-second login "alice-$$" >/dev/null
[[ $(texts alice-second) == $'before all of it\non the release with the same schema' ]] || failed "what was there before the upgrade is not back"
say "ok    and back in $((SECONDS - began)) s: schema $old, everything of before the upgrade; what was written since is not in it"
say "All of it held."
