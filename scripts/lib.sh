# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export SEALPOST_TOOLS=$root/.tools
export SQLX_OFFLINE=true # queries are checked against the committed data, never a database that happens to be named
# Nobody builds twice in CI: what incremental compilation keeps for a second build is gigabytes there, and slower.
[[ ${CI:-} == true ]] && export CARGO_INCREMENTAL=0

say() { printf '%s\n' "$*" >&2; }

die() {
    say "${0##*/}: $*"
    exit 1
}

# Ends a step of scripts/check that cannot be done on this machine.
skip() {
    say "$*"
    exit 3
}

# Where cargo puts the development build of a binary.
binary() { printf '%s/debug/%s\n' "${CARGO_TARGET_DIR:-$root/target}" "$1"; }

# True when one of the arguments after $1 is the option $1, in either form (--x v, --x=v).
has_option() {
    local option=$1 argument
    shift
    for argument in "$@"; do
        [[ $argument == "$option" || $argument == "$option="* ]] && return 0
    done
    return 1
}

# Builds the relay with leaks planted, which is no part of any other build. Other binaries stay as they are.
build_leaky_relay() {
    cargo build --manifest-path "$root/Cargo.toml" --locked --workspace --bin sealpost-relay-leaky --features sealpost-relay/planted-leaks
}
