#!/usr/bin/env bash
# Looks at a production deployment that runs, from this host, as clients and intruders would see it. Changes nothing. Every check
# is told; the exit code is 1 when one failed.
#
# Usage: validate-prod.sh [--address ADDRESS] [--ca-file FILE] [--only CHECK]
#
#   --address ADDRESS  where the public ports are; by default where the relay's name leads
#   --ca-file FILE     certificate authorities to trust instead of the system's
#   --only CHECK       this check alone
#
# In the tunnel shape the public name is Cloudflare's to answer; Traefik is asked where the connector asks it. SEALPOST_ENV_FILE names another file than
# deploy/.env. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

address='' ca_file='' only=''
while (($#)); do
    case $1 in
        --address) address=${2:?--address needs an address}; shift ;;
        --ca-file) ca_file=${2:?--ca-file needs a file}; shift ;;
        --only) only=${2:?--only needs a check}; shift ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
need_engine
need curl openssl
need_python
[[ -f $env_file ]] || impossible "there is no $env_file: bootstrap.sh makes it"
shape=$(setting SEALPOST_SHAPE) host=$(setting SEALPOST_RELAY_HOST) secrets=$(directory SECRETS)
[[ $shape != local ]] || misused "this is for production; e2e-local.sh tries the local shape"
[[ -r $secrets/relay_secret_id ]] || impossible "the secrets of $secrets cannot be read: run this as who starts the deployment"
https=$(setting SEALPOST_WEBSECURE_PORT) http=$(setting SEALPOST_WEB_PORT)
port_suffix=$([[ $https == 443 ]] || echo ":$https")
[[ -n $address || $shape == tunnel ]] || address=$(python3 -c 'import socket, sys; print(socket.gethostbyname(sys.argv[1]))' "$host") ||
    impossible "$host cannot be resolved: name the address with --address"
faults=0 checks=0

# check NAME FIX COMMAND...: the command prints what is wrong, or nothing.
check() {
    local name=$1 fix=$2 fault
    shift 2
    [[ -z $only || $only == "$name" ]] || return 0
    checks=$((checks + 1))
    fault=$("$@" 2>&1) || fault=${fault:-"the check itself failed"}
    if [[ -z $fault ]]; then
        printf 'ok    %s\n' "$name"
    else
        printf 'FAIL  %s: %s\n      fix: %s\n' "$name" "$(head -c 600 <<<"$fault" | tr '\n' ' ')" "$fix"
        faults=$((faults + 1))
    fi
}

# Where clients' requests arrive, and what curl must know to send them there.
if [[ $shape == tls ]]; then
    entrance=https://$host$port_suffix
    way=(--resolve "$host:$https:$address" ${ca_file:+--cacert "$ca_file"})
else
    entrance=http://$host:8080
    way=(--resolve "$host:8080:$(setting SEALPOST_TUNNEL_TRAEFIK)")
fi
# ask PATH CURL_ARGUMENTS...: a request of a client.
ask() {
    local path=$1
    shift
    curl --silent --show-error --max-time 10 "${way[@]}" "$@" "$entrance$path"
}
# answer_head PATH ...: status and headers, in lower case.
answer_head() { ask "$@" --output /dev/null --dump-header - | tr -d '\r' | tr '[:upper:]' '[:lower:]'; }
status_of() { ask "$@" --output /dev/null --write-out '%{http_code}'; }
expect() { [[ $2 == "$3" ]] || echo "$1 is $2, not $3"; }
address_of() { docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$(container_of "$1")" | cut -d ' ' -f 1; }

look_at_certificate() {
    local trust=() chain
    [[ -z $ca_file ]] || trust=(-CAfile "$ca_file")
    chain=$(openssl s_client -connect "$address:$https" -servername "$host" -verify_hostname "$host" -verify_return_error "${trust[@]}" </dev/null 2>/dev/null) ||
        { echo "no certificate for $host that verifies"; return; }
    openssl x509 -noout -checkend $((7 * 86400)) <<<"$chain" >/dev/null || echo "the certificate ends within a week"
}
look_at_unknown_name() {
    ! openssl s_client -connect "$address:$https" -servername intruder.invalid </dev/null >/dev/null 2>&1 || echo "an unknown name is answered with a certificate"
}
look_at_old_tls() {
    ! openssl s_client -connect "$address:$https" -servername "$host" -tls1_1 -cipher 'DEFAULT:@SECLEVEL=0' </dev/null >/dev/null 2>&1 || echo "TLS 1.1 is spoken"
}
look_at_redirect() {
    local head
    head=$(curl --silent --max-time 10 --output /dev/null --dump-header - --header "Host: $host" --header "X-Forwarded-Host: intruder.invalid" \
        --header "X-Forwarded-Proto: https" "http://$address:$http/v1/info" | tr -d '\r')
    grep -qE '^HTTP/1.1 30[18]' <<<"$head" || echo "plain HTTP is not redirected for good: $(head -n 1 <<<"$head")"
    grep -qiF "location: https://$host$port_suffix/v1/info" <<<"$head" || grep -i '^location' <<<"$head" || echo "no location"
}
look_at_headers() {
    local head wanted
    head=$(answer_head /v1/info)
    grep -qE '^strict-transport-security: max-age=(1[5-9]|[2-9][0-9]|[0-9]{3,})[0-9]{6}' <<<"$head" || echo "no Strict-Transport-Security of half a year"
    for wanted in 'x-content-type-options: nosniff' 'x-frame-options: deny' 'referrer-policy: no-referrer'; do
        grep -qxF "$wanted" <<<"$head" || echo "no $wanted"
    done
    ! grep -E '^(server|x-powered-by):' <<<"$head" || echo "tells what it runs"
}
look_at_relay() {
    local info origin=https://$host
    [[ $shape == tunnel ]] || origin+=$port_suffix
    info=$(ask /v1/info)
    grep -qF "\"origin\":\"$origin\"" <<<"$info" || echo "/v1/info is not this relay's: $info"
}
look_at_socket() {
    local code
    code=$(status_of /v1/socket --http1.1 --max-time 3 --header 'Connection: Upgrade' --header 'Upgrade: websocket' --header 'Sec-WebSocket-Version: 13' \
        --header "Sec-WebSocket-Key: $(openssl rand -base64 16)" --header 'Sec-WebSocket-Protocol: sealpost.v1' 2>/dev/null) || true # it stays open
    expect "the WebSocket handshake's status" "$code" 101
}
# An assertion as Access makes it, but for who signed it.
forged_assertion() {
    local key message now
    now=$(date +%s) key=$(mktemp)
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$key" 2>/dev/null
    encoded() { openssl base64 -A | tr '+/' '-_' | tr -d =; }
    message=$(printf '{"alg":"RS256","kid":"forged"}' | encoded).$(printf '{"aud":["%s"],"iss":"%s","exp":%d,"iat":%d,"sub":"mallory"}' \
        "$(setting SEALPOST_ACCESS_AUDIENCE)" "$(setting SEALPOST_ACCESS_TEAM)" $((now + 600)) "$now" | encoded)
    printf '%s.%s' "$message" "$(printf '%s' "$message" | openssl dgst -sha256 -sign "$key" | encoded)"
    rm "$key"
}
look_at_access() {
    local answer
    for answer in "$(ask /v1/info)" "$(ask /v1/info --header "Cf-Access-Jwt-Assertion: $(forged_assertion)")"; do
        grep -qF '"code":"access_denied"' <<<"$answer" || echo "who comes around Access is answered $answer"
    done
}
look_at_strange_host() { expect "the status for another Host" "$(status_of /v1/info --header 'Host: intruder.invalid')" 404; }
look_at_ops() {
    local path
    for path in /dashboard/ /api/rawdata /metrics /ready /ping /relay/1/metrics; do
        expect "the public status of $path" "$(status_of "$path")" 404
    done
    expect "the ops port's status" "$(curl --silent --output /dev/null --write-out '%{http_code}' "http://$(setting SEALPOST_OPS_ADDRESS):$(setting SEALPOST_OPS_PORT)/ping")" 200
}
# More at once than one address may ask, each time under another name that a client can give itself.
look_at_limits() {
    local number=$(($(setting SEALPOST_REQUESTS_BURST) + 4 * $(setting SEALPOST_REQUESTS_PER_SECOND))) codes all=()
    for ((n = 1; n <= number; n++)); do
        ((n == 1)) || all+=(--next)
        all+=(--silent --max-time 20 "${way[@]}" --output /dev/null --write-out '%{http_code}\n' --header "X-Forwarded-For: 2001:db8::$n"
            --header "X-Real-Ip: 2001:db8::$n" --header "CF-Connecting-IP: 2001:db8::$n" --header "Forwarded: for=2001:db8::$n" "$entrance/v1/info")
    done
    codes=$(curl --parallel --no-progress-meter "${all[@]}") || true
    grep -qx 429 <<<"$codes" || echo "$number requests at once are not held to SEALPOST_REQUESTS_*, or whoever names another address is not: $(sort <<<"$codes" | uniq -c | xargs)"
}
look_at_ports() {
    local wanted found port
    found=$(docker ps --filter "label=com.docker.compose.project=$(setting COMPOSE_PROJECT_NAME)" --format '{{.Ports}}' | tr ',' '\n' |
        sed -nE 's/^ *(.*):([0-9]+)->.*/\1 \2/p' | sed 's/^\[*::\]* /0.0.0.0 /' | sort -u)
    if [[ $shape == tunnel ]]; then
        [[ -z $found ]] || echo "published: $found"
        return
    fi
    wanted=$(printf '%s\n' "0.0.0.0 $http" "0.0.0.0 $https" "$(setting SEALPOST_OPS_ADDRESS) $(setting SEALPOST_OPS_PORT)" | sort -u)
    [[ $found == "$wanted" ]] || echo "published: $found"
    for port in 5432 8200 7450 7451 9100; do
        ! timeout 2 bash -c "exec 3<>/dev/tcp/$address/$port" 2>/dev/null || echo "port $port answers at $address"
    done
}
look_at_containers() {
    local service container containers fault
    for service in $(compose config --services); do
        mapfile -t containers < <(compose ps --quiet "$service")
        ((${#containers[@]})) || echo "$service does not run."
        for container in "${containers[@]}"; do
            fault=$(exposure "$container")
            [[ -z $fault ]] || echo "$service $fault."
        done
    done
}
look_at_replicas() {
    local service wanted count
    for service in $(compose config --services); do
        wanted=1
        [[ $service != relay ]] || wanted=$(setting SEALPOST_RELAY_REPLICAS)
        count=$(compose ps --quiet "$service" | xargs --no-run-if-empty docker inspect --format '{{.State.Health.Status}}' | grep -cx healthy || true)
        expect "the number of healthy containers of $service" "$count" "$wanted"
    done
}
look_at_canary() {
    local container containers report
    mapfile -t containers < <(compose ps --quiet relay)
    ((${#containers[@]})) || echo "no relay runs"
    for container in "${containers[@]}"; do
        report=$(docker exec "$container" /sealpost-relay healthcheck --ops 127.0.0.1:7451) || true
        grep -qF '"status":"ready"' <<<"$report" || echo "a relay says ${report:-nothing}"
    done
}
look_at_time_zone() {
    local found
    found=$({ sql "show timezone"; sql "show ssl"; } | tr '\n' ' ')
    expect "time zone and TLS of the database" "$found" "UTC on "
}

# bao METHOD PATH [CURL_ARGUMENTS...]: a request to OpenBao, past every network: only the host can.
bao() {
    local method=$1 path=$2
    shift 2
    curl --silent --show-error --max-time 10 --cacert "$secrets/internal_ca.pem" --resolve "openbao:8200:$(address_of openbao)" \
        --request "$method" "$@" "https://openbao:8200/v1/$path"
}
# What a token of the relay's might be used for, beside what it must be able to.
forbidden='GET transit/keys/relay-atrest
POST transit/keys/relay-atrest/rotate
POST transit/keys/relay-atrest/config
POST transit/keys/relay-atrest/trim
DELETE transit/keys/relay-atrest
GET transit/export/encryption-key/relay-atrest
GET transit/backup/relay-atrest
POST transit/restore/stolen
POST transit/rewrap/relay-atrest
POST transit/datakey/plaintext/relay-atrest
POST transit/keys/another
POST transit/encrypt/another
POST transit/decrypt/another
LIST transit/keys
GET sys/storage/raft/snapshot
POST sys/storage/raft/snapshot
POST sys/storage/raft/snapshot-force
GET sys/mounts
POST sys/mounts/another
GET sys/auth
GET sys/policies/acl/relay-atrest
POST sys/policies/acl/relay-atrest
PUT sys/seal
GET sys/audit
POST sys/capabilities-self
POST auth/token/create
POST auth/token/create-orphan
LIST auth/token/accessors
GET auth/approle/role/relay
POST auth/approle/role/relay/secret-id
POST auth/approle/role/relay/custom-secret-id
GET auth/approle/role/relay/role-id
POST auth/userpass/users/operator
POST auth/userpass/users/operator/password
GET sys/generate-root-token/attempt
GET identity/entity/id
GET cubbyhole/mine'
# look_at_token ROLE: what the credential of the relay or of the backup job can do; the latter takes snapshots, too.
look_at_token() {
    local role=$1 token method path code
    token=$(bao POST auth/approle/login --data @- <<<"{\"role_id\":\"$role\",\"secret_id\":\"$(<"$secrets/${role}_secret_id")\"}" | sed -nE 's/.*"client_token":"([^"]+)".*/\1/p')
    [[ -n $token ]] || { echo "the secret id of $role is refused"; return; }
    # By standard input: arguments are for everybody to see.
    head_of() { printf 'header = "X-Vault-Token: %s"\n' "$token"; }
    while read -r method path; do
        [[ $role != backup || "$method $path" != "GET sys/storage/raft/snapshot" ]] || continue
        code=$(bao "$method" "$path" --config <(head_of) --data '{}' --output /dev/null --write-out '%{http_code}')
        [[ $code == 403 ]] || echo "$method $path is answered $code."
    done <<<"$forbidden"
    code=$(bao POST transit/encrypt/relay-atrest --config <(head_of) --data "{\"plaintext\":\"$(printf canary | base64)\"}" --output /dev/null --write-out '%{http_code}')
    expect "encrypting with relay-atrest" "$code" 200
}
look_at_strangers() {
    expect "OpenBao's status without a token" "$(bao GET transit/keys/relay-atrest --output /dev/null --write-out '%{http_code}')" 403
    expect "OpenBao's health" "$(bao GET sys/health --output /dev/null --write-out '%{http_code}')" 200
}

look_at_backups() {
    [[ -n $(setting SEALPOST_BACKUP_RECIPIENTS) ]] || { echo "nothing is backed up"; return; }
    python3 "$deploy/python/backup_status.py" "$(directory STATE)/backup-status/status.json" "$(setting SEALPOST_BACKUP_RPO)" "$(setting SEALPOST_BACKUP_VERIFY_DAYS)"
}

render="preflight-prod.sh names what is wrong in the configuration; render-prod-config.sh renders it anew"
if [[ $shape == tls ]]; then
    check certificate "see 'Certificates' in README.md, and the log of traefik" look_at_certificate
    check unknown-name "$render" look_at_unknown_name
    check old-tls "$render" look_at_old_tls
    check redirect "$render" look_at_redirect
    check ops "$render" look_at_ops
fi
if [[ $shape == tunnel && -n $(setting SEALPOST_ACCESS_TEAM) ]]; then
    check access "$render, then restart the relays; docker compose exec relay /sealpost-relay doctor tries the team's keys" look_at_access
else
    check relay "SEALPOST_RELAY_HOST must be what clients call" look_at_relay
    check socket "no proxy in front may cut the Upgrade header; $render" look_at_socket
fi
check headers "$render" look_at_headers
check strange-host "$render" look_at_strange_host
check limits "$render" look_at_limits
check ports "remove ports that an override adds; a firewall must guard the ops port" look_at_ports
check containers "preflight-prod.sh names the line that is missing" look_at_containers
check replicas "docker compose ps, then the log of what is not healthy" look_at_replicas
check canary "see 'OpenBao' in README.md, and the log of openbao" look_at_canary
check time-zone "ALTER DATABASE sealpost SET timezone TO 'UTC'; the server runs with ssl=on" look_at_time_zone
check token "give the role relay the one policy relay-atrest.hcl; see 'OpenBao' in README.md" look_at_token relay
check strangers "see 'OpenBao' in README.md" look_at_strangers
[[ -z $(setting SEALPOST_BACKUP_RECIPIENTS) ]] ||
    check backup-token "give the role backup the policies relay-backup.hcl and relay-atrest.hcl; see 'OpenBao' in README.md" look_at_token backup
check backups "docker compose logs backup; backup.sh makes one, backup.sh --verify looks at one; see 'Backups' in README.md" look_at_backups
((checks > 0)) || misused "there is no check $only in the shape $shape"
((faults == 0)) || failed "$faults checks failed"
