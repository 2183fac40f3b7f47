# A throwaway deployment: its place, its way up and its end; sourced after lib.sh by the scripts that bring one up.
# shellcheck shell=bash
# shellcheck disable=SC2154 # `deploy` is of lib.sh

# take_stage PROJECT: names project, folder and settings of a deployment that is not there yet; refuses where something is.
take_stage() {
    project=$1 folder=${TMPDIR:-/tmp}/$1 env_file=${TMPDIR:-/tmp}/$1/env
    export SEALPOST_ENV_FILE=$env_file
    [[ -z $(docker ps --all --quiet --filter "label=com.docker.compose.project=$project") ]] ||
        refused "a project $project is there: end it with docker compose -p $project down"
    [[ ! -e $folder ]] || refused "$folder is there, perhaps with data: look, then remove it"
}

# set_stage KEEP OPTION...: makes folder and settings; from here on the end of the script takes everything away, unless KEEP is true.
set_stage() {
    keep=$1
    shift
    trap clear_stage EXIT
    mkdir -m 0711 "$folder"
    new_identity
    bootstrap_stage "$@"
}

# new_identity: who can open the backups of this stage; `recipient` is its public half.
new_identity() {
    local image
    image=$(sed -n 's/^SEALPOST_RELAY_IMAGE=//p' "$deploy/env/.env.example")
    mkdir "$folder/offline"
    recipient=$(docker run --rm --network none --user "$(id -u):$(id -g)" --volume "$folder/offline:/offline" "$image" backup identity --out /offline/identity 2>/dev/null)
}

# bootstrap_stage OPTION...: the deployment of this stage; what is made anew of it finds its backups.
bootstrap_stage() {
    "$deploy/bootstrap.sh" --set COMPOSE_PROJECT_NAME="$project" --set SEALPOST_SECRETS_DIR="$folder/secrets" \
        --set SEALPOST_CONFIG_DIR="$folder/config" --set SEALPOST_STATE_DIR="$folder/state" --set SEALPOST_BACKUP_DIR="$folder/backups" \
        --set SEALPOST_BACKUP_RECIPIENTS="$recipient" "$@" >/dev/null
}

# clear_stage [CODE]: the end of the script, with this exit code.
clear_stage() {
    local code=${1:-$?}
    ((code == 0)) || compose logs --no-color --tail 8 2>&1 | cut -c 1-240 >&2 || true
    if $keep; then
        say "left running: $project, with its settings in $env_file"
    else
        compose down --timeout 5 >/dev/null 2>&1 || true
        rm -rf "$folder"
    fi
}

# verify_first_backup: waits for the first backup that the service makes by the clock, and verifies it: a host alone cannot.
verify_first_backup() {
    local began=$SECONDS
    until [[ -n $(find "$folder/backups" -mindepth 1 -maxdepth 1 -name '2*') ]]; do
        ((SECONDS - began < 60)) || failed "the service makes no backup"
        sleep 0.2
    done
    "$deploy/backup.sh" --verify --identity "$folder/offline/identity" >/dev/null 2>"$folder/verify.log" || { cat "$folder/verify.log" >&2; failed "the first backup is no good one"; }
    [[ -n $(find "$folder/backups" -name attached-env.age) ]] || failed "the first backup does not hold the settings"
    say "ok    the first backup was made by the clock, holds the settings, and is verified"
}

# pin_images NAME...: takes the images of this host by their ids, which is what production demands.
pin_images() {
    local name id
    for name in "$@"; do
        id=$(docker image inspect --format '{{.Id}}' "$(setting "SEALPOST_${name}_IMAGE")")
        sed -i "s|^SEALPOST_${name}_IMAGE=.*|SEALPOST_${name}_IMAGE=$id|" "$env_file"
    done
}

# pass_preflight: renders the configuration of production, in which preflight finds nothing. What stands in for others is no part of it.
pass_preflight() {
    local found
    "$deploy/render-prod-config.sh" 2>/dev/null
    found=$(SEALPOST_COMPOSE_EXTRA='' "$deploy/preflight-prod.sh") || { echo "$found" >&2; failed "preflight finds faults"; }
    say "ok    preflight: $found"
}

# bring_up: starts the stack and waits until it is healthy; `started` is when that began.
bring_up() {
    started=$SECONDS
    compose up --detach --wait --no-build >/dev/null 2>"$folder/up.log" || { cat "$folder/up.log" >&2; failed "the stack did not come up"; }
    say "ok    the stack is up and healthy after $((SECONDS - started)) s"
}
