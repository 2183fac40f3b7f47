# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash
#
# Exit codes of all of them:
#   0  done, or nothing to do
#   1  something is wrong, and was named
#   2  a wrong command line
#   3  cannot be done here: a tool, an engine or a right is missing
#   4  refused: it would overwrite or destroy something

deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export deploy
program=${0##*/}
dry_run=false

say() { printf '%s\n' "$*" >&2; }

# fail CODE MESSAGE...
fail() {
    local code=$1
    shift
    say "$program: $*"
    exit "$code"
}
failed() { fail 1 "$@"; }
misused() { fail 2 "$* (see $program --help)"; }
impossible() { fail 3 "$@"; }
refused() { fail 4 "$@"; }

# The comment at the head of the script, which is its manual.
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

# Runs a command, or with --dry-run says that it would.
change() {
    if $dry_run; then say "would: $*"; else "$@"; fi
}

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || impossible "$tool is needed and not installed"
    done
}

# quietly COMMAND...: runs it, and tells what it said when it fails.
quietly() {
    local said
    said=$("$@" 2>&1) || failed "$1 failed: $said"
}

need_python() {
    need python3
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || impossible "Python 3.11 or newer is needed"
}

need_compose() {
    local command
    read -ra command <<<"${SEALPOST_COMPOSE:-docker compose}"
    "${command[@]}" version >/dev/null 2>&1 || impossible "the compose plugin of Docker (2.26 or newer) is needed"
}

need_engine() {
    need_compose
    docker info >/dev/null 2>&1 || impossible "no Docker engine answers: start it, or become somebody who may talk to it"
}

# setting NAME: a variable of the env file in use, or its default.
setting() {
    local value
    value=$(sed -n "s/^$1=//p" "$env_file" | tail -n 1)
    [[ -n $value ]] || grep -q "^$1=" "$env_file" || value=$(sed -n "s/^$1=//p" "$deploy/env/.env.example" | tail -n 1)
    printf '%s\n' "$value"
}

# directory NAME: a folder of the settings, absolute; a relative one counts from deploy/.
directory() {
    local value
    value=$(setting "SEALPOST_$1_DIR")
    (cd "$deploy" && realpath -m "$value")
}

# The compose files, as options: those that `docker compose` takes from the settings by itself, so that what is looked at is what runs.
compose_files() {
    local file files
    IFS=: read -ra files <<<"$(setting COMPOSE_FILE)"
    for file in "${files[@]}"; do printf -- '-f\n%s\n' "$(cd "$deploy" && realpath -m "$file")"; done
    [[ -z ${SEALPOST_COMPOSE_EXTRA:-} ]] || printf -- '-f\n%s\n' "$SEALPOST_COMPOSE_EXTRA"
}

# Docker compose for the deployment of the env file in use. SEALPOST_COMPOSE may name the plugin itself, which reads files
# without Docker.
compose() {
    local files command
    mapfile -t files < <(compose_files)
    read -ra command <<<"${SEALPOST_COMPOSE:-docker compose}"
    "${command[@]}" --project-directory "$deploy" --env-file "$env_file" "${files[@]}" "$@"
}

env_file=${SEALPOST_ENV_FILE:-$deploy/.env}

# container_of SERVICE: its first container. The answer is read to its end: whoever writes into a closed pipe fails, at times.
container_of() { compose ps --quiet "$1" | sed -n 1p; }

# exposure CONTAINER: what a running container could do and should not; nothing when all is well.
exposure() {
    local status
    status=$(cat "/proc/$(docker inspect --format '{{.State.Pid}}' "$1")/status" 2>/dev/null) || { echo "does not run"; return; }
    grep -qE '^Uid:[[:space:]]+0[[:space:]]' <<<"$status" && echo "runs as root"
    grep -qE '^Cap(Eff|Bnd|Prm|Amb):[[:space:]]+0*[1-9a-f]' <<<"$status" && echo "has capabilities, or could get some"
    grep -qE '^NoNewPrivs:[[:space:]]+1$' <<<"$status" || echo "may gain privileges"
    [[ $(docker inspect --format '{{.HostConfig.ReadonlyRootfs}}' "$1") == true ]] || echo "has a writable root"
}

# need_place: the folder of backups ($backups) is there and is one of backups; an empty one is what a disk looks like that is not mounted.
# shellcheck disable=SC2154 # of the script
need_place() {
    [[ -d $backups ]] || failed "$backups is not there: is its disk mounted? For a new place: backup.sh --first"
    [[ -e $backups/backups.lock ]] || failed "$backups holds no backups: its disk may not be mounted. For a new place: backup.sh --first"
}

# newest: the name of the newest backup that is whole.
newest() { find "$backups" -mindepth 2 -maxdepth 2 -path '*/[0-9]*/manifest.json' -printf '%h\n' | sed 's|.*/||' | sort | tail -n 1; }

# install_for SERVICE FILE TARGET: a copy for the user of a service alone.
install_for() {
    local uid
    uid=$(setting "SEALPOST_$1_UID")
    if [[ $(id -u) -eq 0 ]]; then install --owner="$uid" --group="$uid" --mode=0400 "$2" "$3"; else install --mode=0400 "$2" "$3"; fi
}

# attach: puts what belongs to the deployment beside database and keys where the backup job finds it: its settings, and the store of
# its certificates, which Traefik alone may read. Every backup from then on holds them as they are now.
attach() {
    local folder name file
    folder=$(directory STATE)
    for name in env acme.json; do
        if [[ $name == env ]]; then file=$env_file; else file=$folder/acme/$name; fi
        [[ ! -s $file || ! -d $folder/attached ]] || install_for BACKUP "$file" "$folder/attached/$name"
    done
}

# agree QUESTION: goes on only if somebody says so, or has said --yes ($yes).
# shellcheck disable=SC2154 # of the script
agree() {
    ! $yes || return 0
    [[ -t 0 ]] || refused "nothing was done: say --yes, or answer on a terminal"
    local answer
    read -rp "$1 Go on? [yes/no] " answer
    [[ $answer == yes ]] || refused "nothing was done"
}

# sql STATEMENT: asked of the database as superuser, inside its container; the answer is bare.
# shellcheck disable=SC2016 # expanded in the container
sql() { compose exec -T postgres sh -c 'unset PGTZ; PGPASSWORD=$(cat /run/secrets/postgres_superuser_password) psql -qX -h 127.0.0.1 -U postgres -d sealpost -Atc "$1"' - "$1"; }
schema_now() { sql "SELECT max(version) FROM refinery_schema_history"; }

# field NAME: the value of a string or number member in the JSON object on standard input.
field() { sed -nE 's/.*"'"$1"'":("([^"]*)"|([0-9]+)).*/\2\3/p' | sed -n 1p; }

# in_job [OPTION]... -- ARGUMENT..., or in_job ARGUMENT...: runs the job's image once; options are those of `docker compose run`. What it
# says of /backups is said of the folder on this host.
in_job() {
    local -a options=()
    if [[ $* == *" -- "* ]]; then
        while [[ $1 != -- ]]; do options+=("$1"); shift; done
        shift
    fi
    # Both streams, each by itself, and the job's exit code.
    local -a translate=(sed -u "s|/backups\b|$backups|g")
    {
        {
            compose --progress quiet run --rm --no-deps -T "${options[@]}" backup "$@" 2>&3 3>&- 4>&- | "${translate[@]}"
        } 3>&1 >&4 4>&- | "${translate[@]}" >&2
    } 4>&1
}
