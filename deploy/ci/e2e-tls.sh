#!/usr/bin/env bash
# Brings the tls shape up with certificates of a real ACME server (Pebble), plays the story over TLS, lets validate-prod.sh look at
# it, then breaks it in one way after the other: each fault must be named. At the end it takes everything away.
#
# Usage: e2e-tls.sh --cli BINARY [--challenge tls|http] [--keep]
#
# It has a project, a folder, ports and networks of its own. Exit codes: ../lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=deploy/ci/isolation.sh
source "$deploy/ci/isolation.sh"
# shellcheck source=deploy/ci/stage.sh
source "$deploy/ci/stage.sh"
# shellcheck source=deploy/ci/authority.sh
source "$deploy/ci/authority.sh"

cli='' challenge=tls keep=false
while (($#)); do
    case $1 in
        --cli) cli=${2:?--cli needs a file}; shift ;;
        --challenge) challenge=${2:?--challenge needs a name}; shift ;;
        --keep) keep=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
[[ -x $cli ]] || misused "--cli is needed: the sealpost command"
need_engine
host=relay.alice-and-bob.net
take_stage sealpost-tls
export SEALPOST_COMPOSE_EXTRA=$deploy/ci/compose.pebble.yml

# What Pebble shows Traefik: a certificate of an authority of its own.
configure_pebble() {
    local pebble=$folder/secrets/pebble
    mkdir -m 0755 "$pebble"
    new_authority "$folder"
    new_certificate "$folder" "$pebble" pebble
    cp "$folder/ca.pem" "$folder/secrets/pebble-ca.pem"
    cat >"$pebble/pebble.json" <<'END'
{"pebble": {"listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000", "certificate": "/pebble/certificate.pem",
 "privateKey": "/pebble/key.pem", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false}}
END
    chmod 0444 "$pebble/pebble.json"
}

set_stage "$keep" --shape tls --host "$host" --set SEALPOST_WEB_PORT=7580 --set SEALPOST_WEBSECURE_PORT=7543 \
    --set SEALPOST_OPS_PORT=7581 --set SEALPOST_EDGE_SUBNET=172.16.75.0/24 --set SEALPOST_EDGE_RANGE=172.16.75.128/25 \
    --set SEALPOST_EDGE_TRAEFIK=172.16.75.2 --set SEALPOST_INGRESS_SUBNET=172.16.76.0/29 --set SEALPOST_INGRESS_TRAEFIK=172.16.76.2 \
    --set SEALPOST_ACME_EMAIL=alice@alice-and-bob.net --set SEALPOST_ACME_SERVER=https://pebble:14000/dir --set SEALPOST_ACME_CHALLENGE="$challenge"
configure_pebble
sed -i 's/^SEALPOST_ACME_ROOT=.*/SEALPOST_ACME_ROOT=pebble-ca.pem/' "$env_file"
pin_images TRAEFIK RELAY POSTGRES OPENBAO BACKUP
pass_preflight
bring_up

# The authority's root of this run, and then a certificate under it.
curl_pebble() { curl --silent --fail --cacert "$folder/secrets/pebble-ca.pem" --resolve "pebble:15000:$(addresses "$project-pebble-1" '' | tr -d : | sed -n 1p)" "https://pebble:15000/$1"; }
curl_pebble roots/0 >"$folder/root.pem"
has_certificate() { curl --silent --fail --output /dev/null --cacert "$folder/root.pem" --resolve "$host:7543:127.0.0.1" "https://$host:7543/v1/info"; }
until has_certificate; do ((SECONDS - started < 90)) || failed "no certificate after $((SECONDS - started)) s"; sleep 0.2; done
say "ok    a certificate by the challenge $challenge, $((SECONDS - started)) s after the start"

verify_first_backup
validate() { "$deploy/validate-prod.sh" --address 127.0.0.1 --ca-file "$folder/root.pem" "$@"; }
validate >"$folder/validation" || { cat "$folder/validation" >&2; failed "validate-prod.sh does not pass"; }
sed 's/^/      /' "$folder/validation" >&2

token=$(compose exec -T --index 1 relay /sealpost-relay token create --uses 2)
SEALPOST_CONNECT_TO=127.0.0.1:7543 SEALPOST_CA_FILE=$folder/root.pem "$deploy/ci/story.sh" --url "https://$host:7543" --token "$token" --cli "$cli" \
    --disturb "docker restart --timeout 30 $project-relay-2"

# must_fail CHECK WHAT: validate-prod.sh must name the check, and do so within the time that Traefik and Docker take to notice.
must_fail() {
    local deadline=$((SECONDS + 30))
    until ! validate --only "$1" >"$folder/validation" 2>/dev/null && grep -q "^FAIL  $1: " "$folder/validation"; do
        ((SECONDS < deadline)) || { cat "$folder/validation" >&2; failed "$2 is not named by $1"; }
    done
    say "ok    fault: $2 -> $(grep "^FAIL  $1: " "$folder/validation" | cut -c 1-110)"
}
passes() {
    local deadline=$((SECONDS + 60))
    until validate >"$folder/validation" 2>/dev/null; do
        ((SECONDS < deadline)) || { cat "$folder/validation" >&2; failed "validate-prod.sh does not pass again"; }
    done
}
# routes SED_EXPRESSION CHECK WHAT: the fault is in Traefik's routes, which it reads again at once.
routes() {
    local file=$folder/config/traefik/dynamic/tls.toml
    sed "$1" "$file" >"$folder/routes"
    ! cmp -s "$file" "$folder/routes" || failed "nothing to break by $1"
    cp "$folder/routes" "$file"
    must_fail "$2" "$3"
    "$deploy/render-prod-config.sh" 2>/dev/null
}

routes 's/stsSeconds = .*/stsSeconds = 0/; s/forceSTSHeader = .*//' headers "no HSTS"
routes 's/sniStrict = true/sniStrict = false/' unknown-name "unknown names are answered"
routes '/routers.dashboard/,/service/s/"ops"/"websecure"/' ops "the dashboard is public"
# shellcheck disable=SC2016 # Traefik's own quotes
routes 's/^rule = "Host(.*/rule = "PathPrefix(`\/`)"/' strange-host "every Host is answered"
routes 's/^Cf-Access-Jwt-Assertion = ""/Upgrade = ""/' socket "WebSockets are cut"
routes 's/ipStrategy = { depth = 0, ipv6Subnet = 64 }/requestHeaderName = "CF-Connecting-IP"/; s/"strip-claims", "rate"/"rate", "strip-claims"/' limits "limits count by what a client says of itself"
routes 's/minVersion = "VersionTLS12"/minVersion = "VersionTLS10"/' old-tls "TLS 1.1 is spoken"
passes
docker stop --time 2 "$project-relay-2" >/dev/null
must_fail replicas "a replica is gone"
docker start "$project-relay-2" >/dev/null
docker stop --time 5 "$project-openbao-1" >/dev/null
must_fail canary "OpenBao is gone"
docker start "$project-openbao-1" >/dev/null
sql "ALTER DATABASE sealpost SET timezone TO 'Europe/Berlin'"
must_fail time-zone "the database has another time zone"
sql "ALTER DATABASE sealpost SET timezone TO 'UTC'"
printf '%s' "$(openssl rand -hex 24)" >"$folder/other"
cp --archive "$folder/secrets/relay_secret_id" "$folder/kept"
cat "$folder/other" >"$folder/secrets/relay_secret_id"
must_fail token "the relay's secret id is another"
cp --archive "$folder/kept" "$folder/secrets/relay_secret_id"
cp --archive "$folder/secrets/backup_secret_id" "$folder/kept"
cat "$folder/other" >"$folder/secrets/backup_secret_id"
must_fail backup-token "the backup job's secret id is another"
cp --archive "$folder/kept" "$folder/secrets/backup_secret_id"
passes
mv "$folder/state/backup-status/status.json" "$folder/status.json"
must_fail backups "nothing is known of any backup"
sed -E 's/("(verified_at|created_at)": ")20[0-9]+/\12001/' "$folder/status.json" >"$folder/state/backup-status/status.json"
must_fail backups "the newest backup is too old, and the last verification"
mv "$folder/status.json" "$folder/state/backup-status/status.json"
passes
printf 'services: { relay: { read_only: false }, pebble: { image: sealpost-ci-tools, networks: [ingress] }, stray: { image: sealpost-ci-tools, command: [sleep, infinity], ports: ["8200"], networks: [ingress] } }\n' >"$folder/extra.yml"
SEALPOST_COMPOSE_EXTRA=$folder/extra.yml compose up --detach --no-build --no-deps relay stray >/dev/null 2>&1
must_fail ports "another service publishes a port"
must_fail containers "the relay has a writable root"
docker rm --force "$project-stray-1" >/dev/null
compose up --detach --no-build --no-deps --wait relay >/dev/null 2>&1
passes
say "All of it held."
