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
    "$deploy/bootstrap.sh" --set COMPOSE_PROJECT_NAME="$project" --set SEALPOST_SECRETS_DIR="$folder/secrets" \
        --set SEALPOST_CONFIG_DIR="$folder/config" --set SEALPOST_STATE_DIR="$folder/state" "$@" >/dev/null
}

clear_stage() {
    local code=$?
    ((code == 0)) || compose logs --no-color --tail 8 2>&1 | cut -c 1-240 >&2 || true
    if $keep; then
        say "left running: $project, with its settings in $env_file"
    else
        compose down --timeout 5 >/dev/null 2>&1 || true
        rm -rf "$folder"
    fi
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
