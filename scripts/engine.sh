# A Docker engine for proofs; sourced after lib.sh, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # `root` is of lib.sh

not_proven() {
    say "##"
    say "## NOT PROVEN: $*. No shape of deploy/ was started here."
    say "## scripts/check-deploy has tried what needs no Docker engine."
    say "##"
    exit 3
}

# An engine of our own where none answers and we may start one; it ends with us.
start_engine() {
    local log
    if [[ $(id -u) -ne 0 ]] || ! command -v dockerd >/dev/null; then not_proven "no Docker engine answers, and none can be started"; fi
    folder=$(mktemp -d) log=$folder/log
    dockerd --data-root "$SEALPOST_TOOLS/docker" --pidfile "$folder/pid" >"$log" 2>&1 &
    engine=$!
    trap 'kill "$engine"; wait "$engine" || true; rm -rf "$folder"' EXIT
    for _ in {1..100}; do
        if docker info >/dev/null 2>&1; then return; fi
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.2
    done
    not_proven "the Docker engine did not start: $(tail -n 1 "$log")"
}

# have_engine: one that answers, or one of our own.
have_engine() {
    docker compose version >/dev/null 2>&1 || not_proven "Docker or its compose plugin is not installed"
    if [[ $(id -u) -ne 0 ]] || ! command -v mmdebstrap >/dev/null; then not_proven "images are assembled by root with mmdebstrap"; fi
    docker info >/dev/null 2>&1 || start_engine
}
