#!/usr/bin/env bash
# Makes everything that a deployment needs once: deploy/.env, secrets with the right owners and modes, a certificate authority
# for Postgres and OpenBao, the folders for data, the rendered configuration. It never overwrites any of them.
#
# Usage: bootstrap.sh [--shape local|tls|tunnel] [--host NAME] [--set NAME=VALUE]... [--dry-run]
#                     [--offline FOLDER]
#        bootstrap.sh --add-secret NAME [--dry-run] <FILE
#        bootstrap.sh --renew-certificates [--dry-run]
#
#   --shape SHAPE         local (the default): HTTP on this machine; tls: public, with certificates; tunnel: behind a connector
#   --host NAME           what clients call the relay; demanded by tls and tunnel
#   --set NAME=VALUE      any variable of env/.env.example
#   --offline FOLDER      takes openbao_seal_key and openbao_operator_password of another host from there, to restore its backups here
#   --add-secret NAME     tunnel_token, cloudflare_dns_token or cloudflare_global_key, from standard input
#   --renew-certificates  new certificates for Postgres and OpenBao, from the authority that is there; then restart both
#   --dry-run             says what would be done
#
# Run it as root: every service has a user of its own, who alone may read its secrets. Anybody else gets a deployment whose
# services all run as that person, which is good for the local shape only.
# SEALPOST_ENV_FILE names another file than deploy/.env. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
umask 077

shape=local host='' renew=false added='' offline=''
declare -a assignments=()
while (($#)); do
    case $1 in
        --shape) shape=${2:?--shape needs a name}; shift ;;
        --host) host=${2:?--host needs a name}; shift ;;
        --set) assignments+=("${2:?--set needs NAME=VALUE}"); shift ;;
        --offline) offline=${2:?--offline needs a folder}; shift ;;
        --add-secret) added=${2:?--add-secret needs a name}; shift ;;
        --renew-certificates) renew=true ;;
        --dry-run) dry_run=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
need openssl
need_python

# assign FILE NAME VALUE: sets a variable in an env file.
assign() {
    local name=$2 value=$3
    grep -q "^$name=" "$1" || misused "there is no variable $name in env/.env.example"
    [[ $value != *[\"\'\$\|\&\\[:space:]]* ]] || misused "$name must be without quotes, spaces, $, |, & and backslashes"
    sed -i "s|^$name=.*|$name=$value|" "$1"
}

# The settings of the new deployment, at $1.
draft_settings() {
    local draft=$1 name assignment
    grep -E '^[A-Z]' "$deploy/env/.env.example" >"$draft"
    assign "$draft" SEALPOST_SHAPE "$shape"
    case $shape in
        local) ;;
        tls | tunnel)
            [[ -n $host ]] || misused "--host is needed: what clients call the relay"
            assign "$draft" COMPOSE_FILE "compose.yml:compose.$([[ $shape == tls ]] && echo prod || echo tunnel).yml"
            assign "$draft" SEALPOST_SECRETS_DIR /etc/sealpost/secrets
            assign "$draft" SEALPOST_CONFIG_DIR /etc/sealpost/config
            assign "$draft" SEALPOST_STATE_DIR /var/lib/sealpost
            assign "$draft" SEALPOST_BACKUP_DIR /var/backups/sealpost
            ;;
        *) misused "there is no shape $shape: local, tls or tunnel" ;;
    esac
    [[ -z $host ]] || assign "$draft" SEALPOST_RELAY_HOST "$host"
    if [[ $(id -u) -ne 0 ]]; then
        for name in RELAY OPENBAO TRAEFIK CLOUDFLARED BACKUP POSTGRES; do assign "$draft" "SEALPOST_${name}_UID" "$(id -u)"; done
    fi
    for assignment in "${assignments[@]}"; do
        [[ $assignment == *=* ]] || misused "--set takes NAME=VALUE, not $assignment"
        assign "$draft" "${assignment%%=*}" "${assignment#*=}"
    done
    grep -q '^SEALPOST_BACKUP_RECIPIENTS=$' "$draft" || grep -q '^COMPOSE_FILE=.*compose.backup.yml' "$draft" ||
        sed -i 's/^COMPOSE_FILE=.*/&:compose.backup.yml/' "$draft"
}

# own SERVICE PATH...: hands files to the user of a service; only root can.
own() {
    local uid
    uid=$(setting "SEALPOST_$1_UID")
    shift
    [[ $(id -u) -ne 0 ]] || chown "$uid:$uid" "$@"
}

# secret SERVICE NAME: what stands on standard input, without a newline, for one service to read.
secret() {
    tr -d '\n' >"$secrets/$2"
    own "$1" "$secrets/$2"
    chmod 0400 "$secrets/$2"
}

new_authority() {
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=Sealpost internal authority" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$secrets/internal_ca_key.pem" -out "$secrets/internal_ca.pem"
    chmod 0400 "$secrets/internal_ca_key.pem"
    chmod 0444 "$secrets/internal_ca.pem" # nothing secret, and two services read it
}

# certify SERVICE NAME: a server certificate, apart from the authority's own: rustls takes no authority for a server. It is made
# aside and then renamed; key and certificate are two files, and whoever is interrupted just there does it again (preflight tells).
certify() {
    local draft=$secrets/$2.draft
    quietly openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$2" -keyout "$draft.key" -out "$draft.request"
    quietly openssl x509 -req -in "$draft.request" -CA "$secrets/internal_ca.pem" -CAkey "$secrets/internal_ca_key.pem" -days 730 \
        -set_serial "0x$(openssl rand -hex 16)" -out "$draft.pem" -extfile <(
            printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth \
                "subjectAltName=DNS:$2,DNS:localhost,IP:127.0.0.1"
        )
    rm "$draft.request"
    chmod 0400 "$draft.key" "$draft.pem"
    own "$1" "$draft.key" "$draft.pem"
    mv "$draft.key" "$secrets/$2_key.pem"
    mv "$draft.pem" "$secrets/$2_certificate.pem"
}

certify_all() {
    certify POSTGRES postgres
    certify OPENBAO openbao
}

# kept_or NAME COMMAND...: what was kept of another host, or what the command makes.
kept_or() {
    local name=$1
    shift
    if [[ -n $offline ]]; then cat "$offline/$name"; else "$@"; fi
}

# Every secret of a new deployment, in the folder $secrets.
new_secrets() {
    local relay_password relay_id backup_password backup_id
    relay_password=$(openssl rand -hex 24)
    relay_id=$(openssl rand -hex 24)
    backup_password=$(openssl rand -hex 24)
    backup_id=$(openssl rand -hex 24)
    openssl rand -hex 24 | secret POSTGRES postgres_superuser_password
    secret POSTGRES postgres_relay_password <<<"$relay_password"
    secret RELAY relay_database_url \
        <<<"postgres://sealpost:$relay_password@postgres:5432/sealpost?sslmode=verify-full&sslrootcert=/run/secrets/internal_ca"
    secret RELAY relay_secret_id <<<"$relay_id"
    secret OPENBAO openbao_relay_secret_id <<<"$relay_id"
    secret POSTGRES postgres_backup_password <<<"$backup_password"
    secret BACKUP backup_database_url \
        <<<"postgres://sealpost_backup:$backup_password@postgres:5432/sealpost?sslmode=verify-full&sslrootcert=/run/secrets/internal_ca"
    secret BACKUP backup_secret_id <<<"$backup_id"
    secret OPENBAO openbao_backup_secret_id <<<"$backup_id"
    kept_or openbao_operator_password openssl rand -hex 24 | secret OPENBAO openbao_operator_password
    kept_or openbao_seal_key openssl rand 32 >"$secrets/openbao_seal_key" # raw bytes: a newline among them stays
    chmod 0400 "$secrets/openbao_seal_key"
    own OPENBAO "$secrets/openbao_seal_key"
    new_authority
    certify_all
}

new_state() {
    local entry
    mkdir -p "$state"
    chmod 0711 "$state"
    for entry in RELAY:shreds POSTGRES:postgres OPENBAO:openbao TRAEFIK:acme BACKUP:attached BACKUP:backup-status; do
        mkdir -p "$state/${entry#*:}"
        own "${entry%%:*}" "$state/${entry#*:}"
        chmod 0700 "$state/${entry#*:}"
    done
    chmod 0755 "$state/backup-status" # ages and sizes, which relays show as well
}

# The place of the backups, marked as such, so that later an empty folder shows a disk that is not mounted. A place that has backups
# stays as it is.
new_backups() {
    local backups
    backups=$(directory BACKUP)
    [[ -n $(setting SEALPOST_BACKUP_RECIPIENTS) && ! -e $backups/backups.lock ]] || return 0
    mkdir -p "$backups"
    : >"$backups/backups.lock"
    own BACKUP "$backups" "$backups/backups.lock"
    chmod 0700 "$backups"
}

has_files() { [[ -d $1 && -n $(find "$1" -type f -print -quit 2>/dev/null) ]]; }

if $renew || [[ -n $added ]]; then
    [[ -f $env_file ]] || impossible "there is no $env_file: run bootstrap.sh --shape ... first"
    secrets=$(directory SECRETS)
fi
if [[ -n $added ]]; then
    case $added in
        tunnel_token) service=CLOUDFLARED ;;
        cloudflare_dns_token | cloudflare_global_key) service=TRAEFIK ;;
        *) misused "every other secret is made by bootstrap.sh itself" ;;
    esac
    [[ ! -e $secrets/$added ]] || refused "$secrets/$added is there: remove it first if it is to be another"
    change secret "$service" "$added"
    exit 0
fi
if $renew; then
    [[ -f $secrets/internal_ca_key.pem ]] || impossible "the authority's key is not at $secrets/internal_ca_key.pem: put it back from offline"
    change certify_all
    say "Now restart: docker compose restart postgres openbao"
    exit 0
fi

for name in openbao_seal_key openbao_operator_password; do
    [[ -z $offline || -r $offline/$name ]] || impossible "$offline holds no $name"
done

target=$env_file
[[ ! -e $target ]] || refused "$target is there: this deployment was made already"
env_file=$(mktemp)
trap 'rm -f "$env_file"' EXIT
draft_settings "$env_file"
final=$(directory SECRETS) config=$(directory CONFIG) state=$(directory STATE)
! has_files "$final" || refused "$final holds secrets already: move them away if they are of no deployment any more"
! has_files "$state" || refused "$state holds data already, which new secrets could not open"
python3 "$deploy/python/render.py" --check "$env_file" || exit 1
if $dry_run; then
    say "would write $target, secrets to $final, configuration to $config; would make the folders of $state"
    exit 0
fi

secrets=$final.draft
rm -rf "$secrets"
mkdir -p "$secrets" "$config"
new_secrets
new_state
new_backups
rm -rf "$final"
mv "$secrets" "$final"
python3 "$deploy/python/render.py" "$env_file" "$config"
install -m 0644 "$env_file" "$target"
attach

cat <<END
This deployment ($shape) is made: settings in $target, secrets in $final, data in $state.

Store offline now, each in a place of its own, away from every backup of this host:
  $final/openbao_seal_key            without it all data is lost; sha256 $(sha256sum "$final/openbao_seal_key" | cut -d ' ' -f 1)
  $final/openbao_operator_password   the one way to administer OpenBao
  $final/internal_ca_key.pem         signs the certificates of Postgres and OpenBao; may leave this host

END
if [[ $shape == local ]]; then
    echo "Next: docker compose -f deploy/compose.yml up -d --wait"
else
    echo "Next: fill in $target, then deploy/render-prod-config.sh, deploy/preflight-prod.sh, and in deploy/: docker compose up -d --wait"
fi
