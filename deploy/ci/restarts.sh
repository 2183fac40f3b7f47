#!/usr/bin/env bash
# Restarts the parts of a local deployment that is up, one after the other, under fifty clients: nothing acked may be lost and no
# error told by the SDK.
#
# Usage: SEALPOST_ENV_FILE=FILE restarts.sh --prove BINARY
#
#   --prove BINARY  sealpost-prove of this repository
#
# Exit codes: ../lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

prove=''
while (($#)); do
    case $1 in
        --prove) prove=${2:?--prove needs a file}; shift ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
[[ -x $prove ]] || misused "--prove is needed: sealpost-prove"
need_engine
project=$(setting COMPOSE_PROJECT_NAME)
compose up --detach --wait --no-build >/dev/null 2>&1 || failed "the deployment is not healthy"
token=$(compose exec -T --index 1 relay /sealpost-relay token create --uses 5)

# restart CONTAINER GRACE...: a command that ends each container as an operator would and waits until it is healthy again.
restart() {
    while (($#)); do
        printf 'docker restart --timeout %s %s >/dev/null\n' "$2" "$project-$1"
        # shellcheck disable=SC2016 # expanded when it runs
        printf 'until [[ $(docker inspect --format "{{.State.Health.Status}}" %s) == healthy ]]; do sleep 0.5; done\n' "$project-$1"
        shift 2
    done
}

"$prove" restarts --url "http://$(setting SEALPOST_RELAY_HOST):$(setting SEALPOST_HTTP_PORT)" --token "$token" \
    --disturb "both relays, one after the other=$(restart relay-1 30 relay-2 30)" \
    --disturb "OpenBao=$(restart openbao-1 15)" \
    --disturb "Postgres=$(restart postgres-1 60)"
