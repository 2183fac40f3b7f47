#!/usr/bin/env bash
# Puts a backup into a deployment that is empty: a new host, or a new data folder. Looks at everything that stands against it before
# anything is changed: every file, the pair, the seal key, the schema, the target. Then OpenBao, a trial of every key, the database; then
# it starts the deployment, which begins a new incarnation.
#
# Usage: restore.sh [NAME|FOLDER] --identity FILE [--operator-password FILE] [--yes] [--json]
#
#   NAME|FOLDER               a backup of SEALPOST_BACKUP_DIR (by default the newest), or one that lies elsewhere
#   --identity FILE           the age identity that opens it
#   --operator-password FILE  the password of OpenBao's operator as it was at the time of the backup; by default the one of this deployment
#   --yes                     does not ask
#   --json                    one object on standard output, nothing else
#
# On a new host, first: bootstrap.sh --offline FOLDER, with the seal key and the operator's password that were kept elsewhere. Relays must
# not run. What was acknowledged after the backup is not in it. SEALPOST_ENV_FILE names another file than deploy/.env. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
umask 077

name='' identity='' password='' yes=false json=false
while (($#)); do
    case $1 in
        --identity) identity=${2:?--identity needs a file}; shift ;;
        --operator-password) password=${2:?--operator-password needs a file}; shift ;;
        --yes) yes=true ;;
        --json) json=true ;;
        --help | -h) usage; exit 0 ;;
        -*) misused "unknown argument: $1" ;;
        *) name=$1 ;;
    esac
    shift
done
[[ -f $env_file ]] || impossible "there is no $env_file: bootstrap.sh makes it"
[[ -n $identity ]] || misused "--identity is needed"
[[ -r $identity ]] || impossible "$identity cannot be read"
need_engine
secrets=$(directory SECRETS) backups=$(directory BACKUP)
[[ -r $secrets/relay_database_url ]] || impossible "the secrets of $secrets cannot be read: run this as who starts the deployment"
[[ $(setting COMPOSE_FILE) == *compose.backup.yml* ]] || impossible "compose.backup.yml is not in COMPOSE_FILE, whose image does the work"
password=${password:-$secrets/openbao_operator_password}

if [[ $name == */* ]]; then
    backup=$(realpath "$name")
else
    need_place
    backup=$backups/${name:-$(newest)}
fi
[[ -f $backup/manifest.json ]] || failed "$backup is no backup: it has no manifest.json"
for service in relay backup traefik; do
    [[ -z $(compose ps --quiet "$service" 2>/dev/null) ]] || refused "$service runs: this is for an empty deployment; to look at a backup, backup.sh --verify"
done
# It may be one that was copied back, by anybody.
uid=$(setting SEALPOST_BACKUP_UID)
[[ $(id -u) -ne 0 || -z $(find "$backup" ! -uid "$uid" -print -quit) ]] || refused "$backup does not belong to the backup job: chown -R $uid:$uid $backup"
say "restoring $backup"
agree "This restores into the empty deployment $(setting COMPOSE_PROJECT_NAME)."

# What the job may not have for ever it gets for as long as this takes, in memory.
offline=$(mktemp -d --tmpdir="$([[ -d /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" sealpost-restore.XXXXXX)
trap 'rm -rf "$offline"' EXIT
chmod 0711 "$offline"
install_for BACKUP "$identity" "$offline/identity"
install_for BACKUP "$password" "$offline/operator-password"
for file in openbao_seal_key relay_database_url relay_secret_id; do install_for BACKUP "$secrets/$file" "$offline/$file"; done

started=$SECONDS
compose --progress quiet up --detach --wait --no-build --no-deps postgres openbao >/dev/null || failed "Postgres and OpenBao did not come up: docker compose logs postgres openbao"
say "Postgres and OpenBao are up after $((SECONDS - started)) s"
options=(--yes)
! $json || options+=(--json)
in_job --volume "$backup:/restore/$(basename "$backup"):ro" --volume "$offline:/offline:ro" \
    --env SEALPOST__DATABASE__URL_FILE=/offline/relay_database_url \
    --env SEALPOST__KMS__OPENBAO__ROLE_ID=relay --env SEALPOST__KMS__OPENBAO__SECRET_ID_FILE=/offline/relay_secret_id \
    -- restore "/restore/$(basename "$backup")" --identity /offline/identity --openbao-password-file /offline/operator-password \
    --seal-key /offline/openbao_seal_key "${options[@]}" </dev/null || failed "nothing was restored, or not all: see above. Nothing serves yet"
say "restored after $((SECONDS - started)) s"
compose --progress quiet up --detach --wait --no-build >/dev/null || failed "the backup is restored, and the deployment did not come up: docker compose ps"
say "the deployment serves after $((SECONDS - started)) s. Now: validate-prod.sh, and a backup of what there is: backup.sh"
