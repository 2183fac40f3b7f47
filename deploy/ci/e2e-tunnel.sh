#!/usr/bin/env bash
# Brings the tunnel shape up with Access in front and a stand-in for Cloudflare (cloudflared cannot be had without its maker's
# server), and looks from where each party would stand: no port is published; a headless client with a service token gets in and
# plays the story, nobody else does; forged, expired and foreign assertions are refused; the connector's forwarded headers count and
# nobody else's do; neither Postgres nor OpenBao can be reached. At the end it takes everything away.
#
# Usage: e2e-tunnel.sh --cli BINARY [--keep]
#
# It has a project, a folder and networks of its own. Exit codes: ../lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=deploy/ci/isolation.sh
source "$deploy/ci/isolation.sh"
# shellcheck source=deploy/ci/stage.sh
source "$deploy/ci/stage.sh"
# shellcheck source=deploy/ci/authority.sh
source "$deploy/ci/authority.sh"

cli='' keep=false
while (($#)); do
    case $1 in
        --cli) cli=${2:?--cli needs a file}; shift ;;
        --keep) keep=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
[[ -x $cli ]] || misused "--cli is needed: the sealpost command"
need_engine
need_python
host=relay.alice-and-bob.net team=team.alice-and-bob.net
take_stage sealpost-tunnel
audience=$(openssl rand -hex 32) client_id=$(openssl rand -hex 16).access client_secret=$(openssl rand -hex 32)
export SEALPOST_COMPOSE_EXTRA=$deploy/ci/compose.cloudflare.yml

# assertion KEY [NAME=JSON]...: what Access says of somebody whom it lets in, with some claims changed.
assertion() {
    local key=$1
    shift
    python3 - "$deploy/ci" "$folder/$key.pem" "https://$team" "$audience" "$@" <<'END'
import json, sys, time
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import team
now = int(time.time())
claims = {"aud": [sys.argv[4]], "iss": sys.argv[3], "sub": "", "type": "app", "iat": now, "exp": now + 3600}
changes = {name: json.loads(value) for name, value in (one.split("=", 1) for one in sys.argv[5:])}
print(team.assertion(sys.argv[2], json.dumps(claims | changes)))
END
}

# The team with its keys, and the edge with its one rule: who shows the service token gets the team's assertion.
configure_cloudflare() {
    local cloudflare=$folder/state/cloudflare
    mkdir -p "$cloudflare/dynamic" "$cloudflare/files/cdn-cgi/access"
    new_authority "$folder"
    new_certificate "$folder" "$cloudflare" "$host" "$team"
    cp "$folder/ca.pem" "$folder/secrets/access-root.pem"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$folder/team.pem" 2>/dev/null
    mkdir "$folder/mallory"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$folder/mallory/team.pem" 2>/dev/null
    PYTHONDONTWRITEBYTECODE=1 python3 "$deploy/ci/team.py" keys "$folder/team.pem" >"$cloudflare/files/cdn-cgi/access/certs"
    cat >"$cloudflare/traefik.toml" <<'END'
[entryPoints.edge]
address = ":443"
http = { tls = {} }
[providers.file]
directory = "/cloudflare/dynamic"
END
    cat >"$cloudflare/dynamic/edge.toml" <<END
[[tls.certificates]]
certFile = "/cloudflare/certificate.pem"
keyFile = "/cloudflare/key.pem"
[http.routers.team]
rule = "Host(\`$team\`)"
service = "team"
[http.services.team.loadBalancer]
servers = [{ url = "http://127.0.0.1:8081" }]
[http.routers.relay]
rule = "Host(\`$host\`) && Header(\`CF-Access-Client-Id\`, \`$client_id\`) && Header(\`CF-Access-Client-Secret\`, \`$client_secret\`)"
service = "relay"
middlewares = ["access"]
[http.middlewares.access.headers.customRequestHeaders]
CF-Access-Client-Secret = ""
Cf-Access-Jwt-Assertion = "$(assertion team)"
[http.services.relay.loadBalancer]
servers = [{ url = "http://172.16.78.2:8080" }]
END
    chmod -R a+rX "$cloudflare"
}

set_stage "$keep" --shape tunnel --host "$host" --set SEALPOST_EDGE_SUBNET=172.16.77.0/24 \
    --set SEALPOST_EDGE_RANGE=172.16.77.128/25 --set SEALPOST_EDGE_TRAEFIK=172.16.77.2 --set SEALPOST_TUNNEL_SUBNET=172.16.78.0/29 \
    --set SEALPOST_TUNNEL_TRAEFIK=172.16.78.2 --set SEALPOST_TUNNEL_CONNECTOR=172.16.78.3 \
    --set SEALPOST_ACCESS_TEAM="https://$team" --set SEALPOST_ACCESS_AUDIENCE="$audience"
openssl rand -hex 32 | "$deploy/bootstrap.sh" --add-secret tunnel_token
configure_cloudflare
sed -i 's/^SEALPOST_ACCESS_ROOT=.*/SEALPOST_ACCESS_ROOT=access-root.pem/' "$env_file"
pin_images TRAEFIK RELAY POSTGRES OPENBAO CLOUDFLARED BACKUP
pass_preflight
bring_up
verify_first_backup
"$deploy/validate-prod.sh" >"$folder/validation" || { cat "$folder/validation" >&2; failed "validate-prod.sh does not pass"; }
sed 's/^/      /' "$folder/validation" >&2
docker ps --filter "label=com.docker.compose.project=$project" --format '      {{.Names}}: {{.Image}} [{{.Ports}}]' | sed -E 's/sha256:([0-9a-f]{12})[0-9a-f]*/\1/' >&2
[[ -z $(published "$project") ]] || failed "published: $(published "$project")"
say "ok    no port is published"

as_connector() { compose exec -T cloudflared curl --silent --max-time 5 --header "Host: $host" "$@" http://172.16.78.2:8080/v1/info; }
code() { sed -nE 's/.*"code":"([a-z_]+)".*/\1/p'; }
# refused_as CODE WHAT ASSERTION
refused_as() {
    local found
    found=$(as_connector --header "Cf-Access-Jwt-Assertion: $3" | code)
    [[ $found == "$1" ]] || failed "$2 is answered ${found:-with more than a refusal}"
    say "ok    refused as $1: $2"
}
good=$(assertion team)
[[ $(as_connector --header "Cf-Access-Jwt-Assertion: $good") == *"\"origin\":\"https://$host\""* ]] || failed "an assertion of the team is refused"
say "ok    the team's assertion gets in"
refused_as access_denied "no assertion" ''
refused_as access_denied "forged: another key under the same id" "$(assertion mallory/team)"
refused_as access_denied "expired" "$(assertion team exp=$(($(date +%s) - 60)))"
refused_as access_denied "another application's" "$(assertion team 'aud=["another"]')"
refused_as access_denied "another team's" "$(assertion team 'iss="https://mallory.cloudflareaccess.com"')"
[[ $(as_connector --header "Cf-Access-Jwt-Assertion: $good" --header "Cf-Access-Jwt-Assertion: $good" | code) == access_denied ]] ||
    failed "two assertions get in"
say "ok    refused as access_denied: two assertions"

edge=$(docker inspect --format "{{(index .NetworkSettings.Networks \"${project}_egress\").IPAddress}}" "$project-cloudflared-1")
token=$(compose exec -T --index 1 relay /sealpost-relay token create --uses 2)
printf 'CF-Access-Client-Id: %s\nCF-Access-Client-Secret: %s\n' "$client_id" "$client_secret" >"$folder/headers"
chmod 0600 "$folder/headers"
export SEALPOST_CONNECT_TO=$edge:443 SEALPOST_CA_FILE=$folder/ca.pem
openssl rand -hex 16 >"$folder/passphrase"
! SEALPOST_RELAY_URL=https://$host SEALPOST_HOME=$folder/nobody SEALPOST_PASSPHRASE_FILE=$folder/passphrase SEALPOST_PATIENCE=5 \
    SEALPOST_REGISTRATION_TOKEN=$token "$cli" register nobody --recovery-code-to "$folder/recovery" >"$folder/nobody.out" 2>&1 ||
    failed "a client without a service token gets in"
say "ok    a client without a service token stays out: $(head -c 120 "$folder/nobody.out" | tr '\n' ' ')"
SEALPOST_HEADERS_FILE=$folder/headers "$deploy/ci/story.sh" --url "https://$host" --token "$token" --cli "$cli" \
    --disturb "docker restart --timeout 30 $project-relay-1"

# The relays' own limits count clients as well, and the connector is none. guess CLIENT NUMBER CODE: whether the relay answers made-up
# tokens so, within a number of tries that both relays share; Traefik lets no more through at a time.
guess() {
    local token
    token=$(openssl rand -base64 32 | tr '+/' '-_' | tr -d =)
    compose exec -T cloudflared curl --silent --max-time 60 --rate 45/s --header "Host: $host" --header "Cf-Access-Jwt-Assertion: $good" \
        --header "X-Forwarded-For: $1" --header "Authorization: Bearer $token" "http://172.16.78.2:8080/v1/sessions?[1-$2]" >"$folder/guesses" || true
    grep -qF "\"code\":\"$3\"" "$folder/guesses"
}
guess 192.0.2.7 1500 rate_limited || failed "the relay looks at made-up tokens of one client without end"
guess 198.51.100.9 1 not_authenticated || failed "the relay takes all clients of the connector for one"
say "ok    the relay limits the client who guesses tokens, and not another"

# Whose word on clients counts is seen by what limits count: with a rate of one request a minute, two clients of the connector do
# not disturb each other, and one client is limited whatever it sends.
sed -i -E 's/^average = .*/average = 1\nperiod = "60s"/; s/^burst = .*/burst = 1/' "$folder/config/traefik/dynamic/tunnel.toml"
status() { as_connector --header "Cf-Access-Jwt-Assertion: $good" --output /dev/null --write-out '%{http_code}' "$@"; }
limited() { [[ $(status --header 'X-Forwarded-For: 192.0.2.1') == 429 ]]; }
deadline=$((SECONDS + 15))
until limited; do ((SECONDS < deadline)) || failed "one client of the connector is not limited"; done
[[ $(status --header 'X-Forwarded-For: 198.51.100.7') == 200 ]] || failed "another client of the connector is limited as well"
say "ok    the connector's word on its clients counts: one is limited, another is not"
status --header 'X-Forwarded-For: 2001:db8:0:7::1' >/dev/null
[[ $(status --header 'X-Forwarded-For: 2001:db8:0:7::2') == 429 && $(status --header 'X-Forwarded-For: 2001:db8:0:8::1') == 200 ]] ||
    failed "who has a network of IPv6 addresses has as many rates"
say "ok    a network of IPv6 addresses (/64) is one client"
status --header 'X-Forwarded-For: 203.0.113.1' >/dev/null
[[ $(status --header 'X-Forwarded-For: 192.0.2.55, 203.0.113.1') == 429 ]] || failed "what a client writes before the connector's word counts"
say "ok    what a client itself wrote into the header does not count"
# The host can reach that entry point as well, and is not the connector.
from_host() {
    curl --silent --output /dev/null --write-out '%{http_code}' --max-time 5 --header "Host: $host" --header "Cf-Access-Jwt-Assertion: $good" \
        --header "X-Forwarded-For: $1" http://172.16.78.2:8080/v1/info
}
from_host 198.51.100.20 >/dev/null
[[ $(from_host 198.51.100.21) == 429 && $(from_host 198.51.100.22) == 429 ]] || failed "the word of somebody else than the connector counts"
say "ok    nobody else's word counts: the host is one client, whatever it says"
# From the network of the relay the entry point cannot even be reached: it listens on the connector's network alone.
cut_off "${project}_edge" 172.16.77.2:8080 172.16.78.2:8080
mapfile -t inner < <(addresses "$project-postgres-1" 5432; addresses "$project-openbao-1" 8200)
cut_off "${project}_tunnel" postgres:5432 openbao:8200 relay:7450 "${inner[@]}"
mapfile -t relay < <(addresses "$project-relay-1" 7450; addresses "$project-relay-1" 7451)
cut_off "${project}_egress" postgres:5432 openbao:8200 relay:7450 "${inner[@]}" "${relay[@]}"
say "All of it held."
