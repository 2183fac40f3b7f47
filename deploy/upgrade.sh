#!/usr/bin/env bash
# Brings a deployment to another release: a backup first, which is the way back; then the images, the schema, the relays, a look at all of it.
# Or back again: to the release before, and where the schema has moved, with the database of that backup.
#
# Usage: upgrade.sh (--build | --relay IMAGE --backup IMAGE) [--yes] [--dry-run]
#        upgrade.sh --rollback [--identity FILE] [--yes]
#
#   --build          builds relay and backup job from this clone: check the release out first
#   --relay IMAGE    the relay's image, to be pulled if it is not here; likewise --backup
#   --rollback       undoes the last upgrade. Where the schema is the same, nothing is lost; where it moved on, the backup of before the
#                    upgrade is restored, and what was acknowledged since is not in it. What was there is moved aside, not removed
#   --identity FILE  the age identity, for a rollback that restores
#   --yes            does not ask
#   --dry-run        says what would be done
#
# Check out the release's deploy/ before, and the old one's before a rollback. SEALPOST_ENV_FILE names another file than deploy/.env.
# Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build=false relay='' job='' rollback=false identity='' yes=false
while (($#)); do
    case $1 in
        --build) build=true ;;
        --relay) relay=${2:?--relay needs an image}; shift ;;
        --backup) job=${2:?--backup needs an image}; shift ;;
        --rollback) rollback=true ;;
        --identity) identity=${2:?--identity needs a file}; shift ;;
        --yes) yes=true ;;
        --dry-run) dry_run=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
if $rollback; then
    [[ $build$relay$job == false ]] || misused "a rollback takes the images of before the upgrade"
    ! $dry_run || misused "--dry-run is for an upgrade"
else
    [[ -z $identity ]] || misused "--identity is for a rollback"
    $build || [[ -n $relay && -n $job ]] || misused "say what to upgrade to: --build, or --relay and --backup"
fi
[[ -f $env_file ]] || impossible "there is no $env_file: bootstrap.sh makes it"
[[ -n $(setting SEALPOST_BACKUP_RECIPIENTS) ]] || impossible "without backups there is no way back: set SEALPOST_BACKUP_RECIPIENTS first"
need_engine
need_python
state=$(directory STATE) backups=$(directory BACKUP)
# What the last upgrade began from: the settings, and the name of the backup.
kept=$state/before-upgrade

schema_of() { sed -nE 's/.*"schema_version": *([0-9]+).*/\1/p' "$backups/$1/manifest.json"; }
image_id() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null; }
use_images() {
    sed -i "s|^SEALPOST_RELAY_IMAGE=.*|SEALPOST_RELAY_IMAGE=$1|; s|^SEALPOST_BACKUP_IMAGE=.*|SEALPOST_BACKUP_IMAGE=$2|" "$env_file"
}

# back_up: the way back; a backup that the service is making just now is waited for.
back_up() {
    local deadline=$((SECONDS + 1800)) name
    until name=$("$deploy/backup.sh" --json 2>"$kept/log" | field id) && [[ -n $name ]]; do
        grep -q "another backup or prune works" "$kept/log" || { cat "$kept/log" >&2; failed "no backup, no upgrade"; }
        ((SECONDS < deadline)) || failed "another backup works in $backups for half an hour"
        sleep 5
    done
    printf '%s\n' "$name" >"$kept/backup.new"
}

# The images of the release, by their ids, which cannot change under anybody.
take_images() {
    if $build; then
        relay=sealpost-relay:upgrade job=sealpost-backup:upgrade
        docker build --quiet --file "$deploy/images/relay/Dockerfile" --tag "$relay" "$deploy/.." >/dev/null
        # By a name: an id is none to build from.
        docker tag "$(setting SEALPOST_POSTGRES_IMAGE)" sealpost-postgres:upgrade
        docker build --quiet --build-arg RELAY="$relay" --build-arg POSTGRES=sealpost-postgres:upgrade --tag "$job" "$deploy/images/backup" >/dev/null
    fi
    for image in "$relay" "$job"; do image_id "$image" >/dev/null || docker pull --quiet "$image" >/dev/null || impossible "there is no image $image"; done
    relay=$(image_id "$relay") job=$(image_id "$job")
}

start() {
    "$deploy/render-prod-config.sh" 2>/dev/null || return
    [[ $(setting SEALPOST_SHAPE) == local ]] || "$deploy/preflight-prod.sh" >&2 || return
    compose --progress quiet up --detach --wait --no-build >/dev/null || return
    [[ $(setting SEALPOST_SHAPE) == local ]] || "$deploy/validate-prod.sh" >&2
}

upgrade() {
    if $dry_run; then say "would: take the images, back up, migrate, start, validate"; return; fi
    agree "This upgrades $(setting COMPOSE_PROJECT_NAME)."
    [[ $(setting SEALPOST_SHAPE) == local ]] || "$deploy/validate-prod.sh" >&2 || failed "something is wrong already: put that right first, or nobody can tell what the upgrade did"
    take_images
    [[ -d $kept ]] || mkdir -m 0700 "$kept"
    back_up
    cp --archive "$env_file" "$kept/env.new"
    mv "$kept/env.new" "$kept/env"
    mv "$kept/backup.new" "$kept/backup"
    say "the way back: $(<"$kept/backup"), with schema $(schema_of "$(<"$kept/backup")")"
    use_images "$relay" "$job"
    # While the old relays serve: a migration leaves what they need (adr/0015).
    compose --progress quiet run --rm --no-deps -T relay migrate up >&2 </dev/null || failed "the schema could not be migrated; the old relays serve on. Back: upgrade.sh --rollback"
    start || failed "the new release does not come up as it should. Back: upgrade.sh --rollback"
    say "upgraded: schema $(schema_now)"
}

# Puts data aside and an empty folder in its place, for the same user.
set_aside() {
    local aside
    aside=$state/$1.before-rollback-$(date -u +%Y%m%dT%H%M%SZ)
    mv "$state/$1" "$aside"
    mkdir -m 0700 "$state/$1"
    [[ $(id -u) -ne 0 ]] || chown --reference="$aside" "$state/$1"
    say "what was in $state/$1 is in $aside: remove it when all is well"
}

roll_back() {
    local backup same=true
    [[ -f $kept/env && -f $kept/backup ]] || impossible "no upgrade is known that could be undone ($kept)"
    backup=$(<"$kept/backup")
    [[ -f $backups/$backup/manifest.json ]] || impossible "$backups/$backup is gone, which is the way back"
    compose --progress quiet up --detach --wait --no-build --no-deps postgres >/dev/null || impossible "Postgres does not come up: docker compose logs postgres"
    [[ $(schema_now) == "$(schema_of "$backup")" ]] || same=false
    if $same; then
        agree "The schema is the same: only the images change."
    else
        [[ -r $identity ]] || misused "the schema has moved from $(schema_of "$backup") to $(schema_now): --identity is needed to restore $backup"
        agree "The schema has moved: $backup is restored, and what was acknowledged since is not in it."
    fi
    for name in RELAY BACKUP; do
        image=$(sed -n "s/^SEALPOST_${name}_IMAGE=//p" "$kept/env")
        image_id "$image" >/dev/null || docker pull --quiet "$image" >/dev/null || impossible "the old image $image is gone"
    done
    cp --archive "$kept/env" "$env_file"
    if $same; then
        start || failed "the old release does not come up"
    else
        compose --progress quiet down --timeout 40 >/dev/null
        set_aside postgres
        set_aside openbao
        "$deploy/render-prod-config.sh" 2>/dev/null
        "$deploy/restore.sh" "$backup" --identity "$identity" --yes
    fi
    rm -rf "$kept"
    say "rolled back: schema $(schema_now)"
}

if $rollback; then roll_back; else upgrade; fi
