#!/usr/bin/env bash
# Looks at a production deployment before it starts, without starting or asking anything: the composed model, the settings, the
# secrets, the rendered configuration. Each fault is named with its fix; without one there is only OK.
#
# Usage: preflight-prod.sh
#
# SEALPOST_ENV_FILE names another file than deploy/.env; SEALPOST_COMPOSE_EXTRA one more compose file. Run it as who starts the
# deployment, who can look into the secrets. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
    '') ;;
    --help | -h) usage; exit 0 ;;
    *) misused "unknown argument: $1" ;;
esac
need openssl
need_python
need_compose
[[ -f $env_file ]] || impossible "there is no $env_file: bootstrap.sh makes it"

model=$(mktemp)
trap 'rm -f "$model"' EXIT
compose config --format json >"$model" || failed "the compose files and $env_file do not fit together; see above"
python3 "$deploy/python/preflight.py" "$env_file" "$model"
