#!/usr/bin/env bash
# Backups of a deployment that is up, made wrong in one way after the other: a disk that is not mounted, a disk that is full, a job that is
# killed at every step; then an empty deployment that is to be restored from what does not fit. Each has to be refused by its name, and
# the target has to stay empty. At the end the right one is restored. It takes everything away.
#
# Usage: backups.sh [--keep]
#
# It has a project, a folder and networks of its own. Needs root: it mounts a small disk. Copies elsewhere are tried where rclone is installed.
# Exit codes: ../lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=deploy/ci/stage.sh
source "$deploy/ci/stage.sh"

keep=false
while (($#)); do
    case $1 in
        --keep) keep=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
need_engine
[[ $(id -u) -eq 0 ]] || impossible "mounting a small disk takes root"
take_stage sealpost-pairs
options=(--set SEALPOST_HTTP_PORT=7496 --set SEALPOST_EDGE_SUBNET=172.16.80.0/24 --set SEALPOST_EDGE_RANGE=172.16.80.128/25
    --set SEALPOST_EDGE_TRAEFIK=172.16.80.2 --set SEALPOST_BACKUP_KEEP_LAST=20)
backups=$folder/backups offline=$folder/offline
set_stage "$keep" "${options[@]}"
leave() {
    local code=$?
    ! mountpoint --quiet "$folder/small" || umount "$folder/small"
    clear_stage "$code"
}
trap leave EXIT

backup() { "$deploy/backup.sh" --json 2>"$folder/backup.log" | field id; }
verify() { "$deploy/backup.sh" --verify "$1" --identity "$offline/identity" >"$folder/verify.log" 2>&1; }
# What a job says of a folder that `backup.sh` would not even name.
verify_at() { in_job verify "/backups/$1" <"$offline/identity"; }
# refuses WORDS COMMAND...: the command fails and says that.
refuses() {
    local words=$1
    shift
    ! "$@" >"$folder/refusal" 2>&1 || failed "this was taken: $*"
    grep -qF "$words" "$folder/refusal" || { cat "$folder/refusal" >&2; failed "not named: $words"; }
    say "ok    refused: $(grep -F "$words" "$folder/refusal" | tail -n 1 | cut -c 1-150)"
}
set_folder() { sed -i "s|^SEALPOST_BACKUP_DIR=.*|SEALPOST_BACKUP_DIR=$1|" "$env_file"; }
listing() { find "$1" -mindepth 1 | sort; }

bring_up
older=$(backup)
say "ok    a backup: $older"

# The job reads the database and can change nothing, even where it asks to be let.
# shellcheck disable=SC2016 # expanded in the container
as_job() { compose exec -T postgres sh -c 'PGPASSWORD=$(cat /run/secrets/postgres_backup_password) psql -qX -v ON_ERROR_STOP=1 -h 127.0.0.1 -U sealpost_backup -d sealpost -c "$1"' - "$1"; }
for order in "DELETE FROM relay_state" "UPDATE accounts SET account_id = account_id" "CREATE TABLE public.mine (a int)" "ALTER ROLE sealpost_backup CREATEDB"; do
    refuses "ERROR:  permission denied" as_job "BEGIN READ WRITE; $order"
done
refuses "ERROR:  must be owner" as_job "BEGIN READ WRITE; DROP TABLE accounts"

# Targets that are not what they seem.
mkdir -m 0755 "$folder/unmounted" "$folder/small"
set_folder "$folder/gone"
refuses "is not there: is its disk mounted?" "$deploy/backup.sh"
set_folder "$folder/unmounted"
refuses "its disk may not be mounted" "$deploy/backup.sh"
[[ -z $(listing "$folder/unmounted") ]] || failed "something was written to a disk that is not mounted"
mount -t tmpfs -o size=1m,mode=0700,uid="$(setting SEALPOST_BACKUP_UID)" tmpfs "$folder/small"
install_for BACKUP /dev/null "$folder/small/backups.lock"
chmod 0600 "$folder/small/backups.lock"
set_folder "$folder/small"
refuses "$folder/small is full: a backup takes up to" "$deploy/backup.sh"
[[ $(listing "$folder/small") == "$folder/small/backups.lock" ]] || failed "something was written to a full disk"
umount "$folder/small"
set_folder "$backups"

# A job that is killed as soon as it shows a step. What is there afterwards is whole, or nothing takes it for a backup.
runs() { [[ $(docker inspect --format '{{.State.Running}}' "$project-killed" 2>/dev/null) == true ]]; }
# shows STEP: a draft that was not there before has come so far.
shows() {
    local draft
    for draft in "$backups"/.draft-*; do
        [[ $before == *"${draft##*/}"* || ! -e $draft/$1 ]] || return 0
    done
    return 1
}
killed=0
for step in '' config.toml.age database.dump.age keys.age manifest.seal manifest.json; do
    before=$(listing "$backups")
    compose --progress quiet run --detach --no-deps --name "$project-killed" backup once >/dev/null 2>&1
    until shows "$step" || ! runs; do :; done
    docker kill "$project-killed" >/dev/null 2>&1 || true # it may have ended
    docker rm --force "$project-killed" >/dev/null
    while read -r draft; do
        [[ $before == *"$draft"* ]] || killed=$((killed + 1))
        refuses "leftover of a run that was cut short" verify_at "$draft"
    done < <(find "$backups" -mindepth 1 -maxdepth 1 -name '.draft-*' -printf '%f\n')
done
newer=$(backup)
[[ -z $(find "$backups" -mindepth 1 -maxdepth 1 -name '.draft-*') ]] || failed "the next run left what a killed one had left"
whole=0
while read -r one; do
    verify "$one" || { cat "$folder/verify.log" >&2; failed "$one is there and not whole"; }
    whole=$((whole + 1))
done < <(find "$backups" -mindepth 1 -maxdepth 1 -name '2*' -printf '%f\n')
((killed > 0)) || failed "no kill came in time"
say "ok    of six jobs $killed were killed on their way; each next run took the leftover away, and all $whole backups that are there are whole"

# Copies elsewhere: whole ones, with the shred ledger, and what is there is neither changed nor removed.
if command -v rclone >/dev/null; then
    sed -i "s|^SEALPOST_BACKUP_REMOTE=.*|SEALPOST_BACKUP_REMOTE=$folder/offsite|" "$env_file"
    : >"$folder/state/shreds/of-a-test"
    mkdir "$backups/.draft-of-a-test"
    newer=$(backup)
    [[ $(listing "$folder/offsite/backups" | sed "s|^$folder/offsite/backups||") == "$(listing "$backups" | sed "s|^$backups||" | grep '^/2')" ]] || failed "what lies elsewhere is not what lies here"
    [[ -f $folder/offsite/shreds/of-a-test ]] || failed "the shred ledger is not elsewhere"
    cmp --silent "$backups/$newer/database.dump.age" "$folder/offsite/backups/$newer/database.dump.age" || failed "the copy is another"
    echo changed >>"$folder/offsite/backups/$newer/manifest.json"
    refuses "could not be copied" "$deploy/backup.sh" --upload
    rm -r "$folder/state/shreds/of-a-test" "$folder/offsite"
    sed -i "s|^SEALPOST_BACKUP_REMOTE=.*|SEALPOST_BACKUP_REMOTE=|" "$env_file"
    say "ok    backups and shred ledger are copied elsewhere, and a changed copy is named"
fi

# Another deployment's backup, and backups that were changed. Each is a copy of the good one.
cp "$folder/secrets/openbao_seal_key" "$folder/secrets/openbao_operator_password" "$offline/"
spoilt() {
    rm -rf "$folder/spoilt"
    mkdir "$folder/spoilt"
    cp --archive "$backups/$newer" "$folder/spoilt/"
    printf '%s\n' "$folder/spoilt/$newer"
}
restore() { "$deploy/restore.sh" "${1:-$backups/$newer}" --identity "${2:-$offline/identity}" --operator-password "${3:-$offline/openbao_operator_password}" --yes --json; }
refuses "this is for an empty deployment" restore

# lose OFFLINE: the deployment's data, configuration and secrets; then an empty one with the seal key and the password of that folder.
lose() {
    compose down --timeout 3 >/dev/null 2>&1
    rm -rf "$folder/state" "$folder/config" "$folder/secrets" "$env_file"
    bootstrap_stage "${options[@]}" --offline "$1"
}
tables() { sql "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"; }
still_empty() { [[ $(tables) == 0 ]] || failed "the target is not empty any more"; }

# A host whose seal key is another.
mkdir "$folder/stranger"
openssl rand 32 >"$folder/stranger/openbao_seal_key"
openssl rand -hex 24 | tr -d '\n' >"$folder/stranger/openbao_operator_password"
lose "$folder/stranger"
refuses "wrong seal key: the backup needs the seal key \`seal-1\`" restore "$backups/$newer" "$offline/identity" "$folder/stranger/openbao_operator_password"
still_empty

lose "$offline"
docker run --rm --network none --volume "$folder/stranger:/offline" --user 0:0 "$(setting SEALPOST_RELAY_IMAGE)" backup identity --out /offline/identity >/dev/null 2>&1
refuses "wrong identity" restore "$backups/$newer" "$folder/stranger/identity"
refuses "it refuses the credential" restore "$backups/$newer" "$offline/identity" "$folder/stranger/openbao_operator_password"
refuses "it has no manifest.json" restore "$folder/stranger/none"
for file in database.dump.age keys.age config.toml.age attached-env.age; do
    one=$(spoilt)
    python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(-9, 2); b = f.read(1); f.seek(-9, 2); f.write(bytes([b[0] ^ 1]))' "$one/$file"
    refuses "$file was changed" restore "$one"
done
one=$(spoilt)
cp --archive "$backups/$older/keys.age" "$one/"
refuses "mismatched pair: keys.age belongs to an older backup" restore "$one"
one=$(spoilt)
cp --archive "$backups/$older/database.dump.age" "$one/"
refuses "mismatched pair: database.dump.age belongs to an older backup" restore "$one"
one=$(spoilt)
cp --archive "$backups/$older/manifest.json" "$one/"
refuses "manifest.json is not what was written" restore "$one"
one=$(spoilt)
rm "$one/keys.age"
refuses "keys.age is missing" restore "$one"
one=$(spoilt)
chown 4711 "$one/keys.age"
refuses "does not belong to the backup job" restore "$one"
still_empty

restore >"$folder/restored.json" 2>"$folder/restore.log" || { cat "$folder/restore.log" >&2; failed "the right one was refused"; }
say "ok    the right one is restored: $(head -c 200 "$folder/restored.json")"
again=$(backup)
verify "$again" || failed "the restored deployment makes no good backup"
say "ok    and is backed up again: $again"

# By the clock: with six seconds to lose, one is begun every three, and no two lie further apart than that promise.
sed -i "s|^SEALPOST_BACKUP_RPO=.*|SEALPOST_BACKUP_RPO=6s|" "$env_file"
compose up --detach --wait --no-build --no-deps backup >/dev/null 2>&1
made() { find "$backups" -mindepth 1 -maxdepth 1 -name '2*' -newer "$folder/restored.json" -printf '%f\n' | sort; }
deadline=$((SECONDS + 60))
until (($(made | wc -l) >= 6)); do
    ((SECONDS < deadline)) || { compose logs --tail 5 backup >&2; failed "the clock does not make backups"; }
    sleep 0.5
done
gap=$(made | tail -n 5 | sed -E 's/^(....)(..)(..)T(..)(..)(..)Z.*/\1-\2-\3 \4:\5:\6 UTC/' | date --file - +%s | awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { print gap }')
((gap <= 6)) || failed "two backups lie $gap s apart"
say "ok    by the clock, with 6 s to lose, the last five lie $gap s apart at most"

compose stop --timeout 10 relay traefik backup >/dev/null 2>&1
refuses "the target database is not empty" restore
say "All of it held."
