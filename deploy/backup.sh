#!/usr/bin/env bash
# Makes, verifies and copies backups of a deployment: database and keys as one encrypted object. The service `backup` makes them by
# the clock; this is for a backup now, for cron where that service does not run, and for everything that the service cannot do.
#
# Usage: backup.sh [--first] [--json]                            makes one now
#        backup.sh --verify [NAME] --identity FILE [--json]      verifies one, by default the newest
#        backup.sh --upload                                      copies all to SEALPOST_BACKUP_REMOTE; making one does so as well
#        backup.sh --status [--json]                             how old the newest is, and when one was verified
#
#   --first          SEALPOST_BACKUP_DIR is a new place; it is made if it is not there
#   --verify [NAME]  opens everything that can be opened without any live system, and notes when
#   --identity FILE  the age identity, which lies on no machine that makes backups: use a medium that leaves again
#   --json           one object on standard output, nothing else
#
# SEALPOST_ENV_FILE names another file than deploy/.env. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

verb=create first=false json=false identity='' name=''
while (($#)); do
    case $1 in
        --first) first=true ;;
        --verify) verb=verify; if [[ ${2:-} == [0-9]* ]]; then name=$2; shift; fi ;;
        --identity) identity=${2:?--identity needs a file}; shift ;;
        --upload) verb=upload ;;
        --status) verb=status ;;
        --json) json=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
[[ -f $env_file ]] || impossible "there is no $env_file: bootstrap.sh makes it"
[[ -n $(setting SEALPOST_BACKUP_RECIPIENTS) ]] || impossible "nobody could open a backup: set SEALPOST_BACKUP_RECIPIENTS, see Backups in README.md"
backups=$(directory BACKUP) state=$(directory STATE)
options=()
! $json || options+=(--json)
[[ $verb == status ]] || attach

create() {
    need_engine
    if $first; then
        mkdir -p "$backups"
        [[ $(id -u) -ne 0 ]] || chown "$(setting SEALPOST_BACKUP_UID):$(setting SEALPOST_BACKUP_UID)" "$backups"
        chmod 0700 "$backups"
        options+=(--first)
    else
        need_place
    fi
    in_job once "${options[@]}" </dev/null || failed "no backup was made"
    [[ -z $(setting SEALPOST_BACKUP_REMOTE) ]] || upload
}

verify() {
    need_engine
    need_place
    [[ -n $identity ]] || misused "--identity is needed"
    [[ -n $name ]] || name=$(newest)
    [[ -n $name ]] || failed "there is no backup in $backups"
    [[ -d $backups/$name ]] || failed "there is no $backups/$name"
    in_job verify "/backups/$name" "${options[@]}" <"$identity" || failed "$name is no good backup"
}

# Finished backups never change: what is there already is not touched, and nothing is ever removed there.
upload() {
    local remote
    remote=$(setting SEALPOST_BACKUP_REMOTE)
    [[ -n $remote ]] || impossible "SEALPOST_BACKUP_REMOTE names no place"
    need rclone
    need_place
    rclone copy --immutable --exclude '.draft-*/**' --exclude backups.lock --exclude status.json --exclude '.status.new' "$backups" "$remote/backups" >&2 ||
        failed "the backups could not be copied to $remote"
    # What was deleted stays deleted after a restore on another host, too.
    rclone copy --immutable "$state/shreds" "$remote/shreds" >&2 || failed "the shred ledger could not be copied to $remote"
    say "copied to $remote"
}

status() {
    [[ -s $state/backup-status/status.json ]] || failed "no backup was ever made"
    if $json; then cat "$state/backup-status/status.json"; else python3 "$deploy/python/backup_status.py" "$state/backup-status/status.json"; fi
}

"$verb"
