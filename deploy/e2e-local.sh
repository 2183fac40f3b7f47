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
# shellcheck source=deploy/ci/stage.sh
source "$deploy/ci/stage.sh"

port=${SEALPOST_E2E_PORT:-7490} keep=false then=true
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
need_engine
need curl openssl
[[ -x $cli ]] || impossible "there is no $cli: build it (cargo build -p sealpost-cli), or name one with --cli"
take_stage sealpost-e2e
if $dry_run; then
    say "would bring up the project $project at http://relay.localhost:$port with its data in $folder, and remove both"
    exit 0
fi

set_stage "$keep" --set SEALPOST_HTTP_PORT="$port" \
    --set SEALPOST_EDGE_SUBNET=172.16.74.0/24 --set SEALPOST_EDGE_RANGE=172.16.74.128/25 --set SEALPOST_EDGE_TRAEFIK=172.16.74.2
bring_up

token=$(compose exec -T relay /sealpost-relay token create --uses 2)
"$deploy/ci/story.sh" --url "http://relay.localhost:$port" --token "$token" --cli "$cli" --disturb "docker kill $project-relay-1 && docker start $project-relay-1"

for service in traefik relay postgres openbao backup; do
    container=$(container_of "$service")
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
bash -c "$then" || failed "this failed: $then"
say "All of it held."
