#!/usr/bin/env bash
# Brings the local shape up from nothing, plays the demo's story through Traefik, kills a relay meanwhile, looks at what runs,
# and takes it all away again.
#
# Usage: e2e-local.sh [--cli BINARY] [--then COMMAND] [--keep] [--dry-run]
#
#   --cli BINARY    the `sealpost` command; by default the development build of this repository
#   --then COMMAND  runs this as well, while the stack is up; SEALPOST_ENV_FILE names its settings
#   --keep          leaves everything running, and says where
#   --dry-run       says what would be done
#
# It has a project, a folder, a port and networks of its own and removes them, so it refuses where a project of its name runs or
# has data. The images must be there: published ones, or ci/build-images.sh. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/ci/isolation.sh
source "$deploy/ci/isolation.sh"

project=sealpost-e2e port=${SEALPOST_E2E_PORT:-7490} keep=false then=true
cli=${CARGO_TARGET_DIR:-$deploy/../target}/debug/sealpost
while (($#)); do
    case $1 in
        --cli) cli=${2:?--cli needs a file}; shift ;;
        --then) then=${2:?--then needs a command}; shift ;;
        --keep) keep=true ;;
        --dry-run) dry_run=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
folder=${TMPDIR:-/tmp}/$project
env_file=$folder/env
need_engine
need curl openssl
[[ -x $cli ]] || impossible "there is no $cli: build it (cargo build -p sealpost-cli), or name one with --cli"
[[ -z $(docker ps --all --quiet --filter "label=com.docker.compose.project=$project") ]] ||
    refused "a project $project is there: end it with docker compose -p $project down"
[[ ! -e $folder ]] || refused "$folder is there, perhaps with data: look, then remove it"
if $dry_run; then
    say "would bring up the project $project at http://relay.localhost:$port with its data in $folder, and remove both"
    exit 0
fi

clean_up() {
    local code=$?
    ((code == 0)) || compose logs --no-color --tail 8 2>&1 | cut -c 1-240 >&2 || true
    if $keep; then
        say "left running: $project, with its settings in $env_file"
    else
        compose down --timeout 5 >/dev/null 2>&1 || true
        rm -rf "$folder"
    fi
}
trap clean_up EXIT

mkdir -m 0711 "$folder"
SEALPOST_ENV_FILE=$env_file "$deploy/bootstrap.sh" --set COMPOSE_PROJECT_NAME="$project" --set SEALPOST_HTTP_PORT="$port" \
    --set SEALPOST_SECRETS_DIR="$folder/secrets" --set SEALPOST_CONFIG_DIR="$folder/config" --set SEALPOST_STATE_DIR="$folder/state" \
    --set SEALPOST_EDGE_SUBNET=172.30.74.0/24 --set SEALPOST_EDGE_RANGE=172.30.74.128/25 --set SEALPOST_EDGE_TRAEFIK=172.30.74.2 >/dev/null
started=$SECONDS
compose up --detach --wait --no-build --quiet-pull >/dev/null 2>"$folder/up.log" || { cat "$folder/up.log" >&2; failed "the stack did not come up"; }
say "ok    the stack is up and healthy after $((SECONDS - started)) s"

token=$(compose exec -T relay /sealpost-relay token create --uses 2)
"$deploy/ci/story.sh" --url "http://relay.localhost:$port" --token "$token" --cli "$cli" --disturb "docker kill $project-relay-1 && docker start $project-relay-1"

for service in traefik relay postgres openbao; do
    container=$(compose ps --quiet "$service" | head -n 1)
    fault=$(exposure "$container")
    [[ -z $fault ]] || failed "$service $fault"
    say "ok    $service: no root, no capability, no new privileges, read-only root"
    describe "$service" "$container"
done
[[ $(published "$project") == "127.0.0.1:$port->8080/tcp" ]] || failed "published: $(published "$project" | tr '\n' ' ')"
say "ok    one port is published, on the loopback address: $(published "$project")"
mapfile -t inner < <(addresses "$project-postgres-1" 5432; addresses "$project-openbao-1" 8200)
cut_off "${project}_edge" postgres:5432 openbao:8200 "${inner[@]}"
cut_off "${project}_internal" 192.0.2.1:443
SEALPOST_ENV_FILE=$env_file bash -c "$then" || failed "this failed: $then"
say "All of it held."
