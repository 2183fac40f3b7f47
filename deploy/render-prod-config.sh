#!/usr/bin/env bash
# Renders the configuration of Traefik, the relay, Postgres and OpenBao from templates/ and the settings, checks that every router's
# service, middleware, entry point and certificate resolver is there, and puts it where the containers read it. Traefik takes a
# change of its routers at once; anything else needs a restart of its service. When a check fails, nothing is changed.
#
# Usage: [SHAPE=local|tls|tunnel] render-prod-config.sh [--dry-run]
#
#   SHAPE      another shape than the settings name, to look at with --dry-run
#   --dry-run  renders and checks, and prints what would change
#
# SEALPOST_ENV_FILE names another file than deploy/.env. Exit codes: lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

while (($#)); do
    case $1 in
        --dry-run) dry_run=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
need_python
[[ -f $env_file ]] || impossible "there is no $env_file: bootstrap.sh makes it"
shape=${SHAPE:-$(setting SEALPOST_SHAPE)}
[[ $shape == "$(setting SEALPOST_SHAPE)" ]] || $dry_run || refused "the settings name another shape than SHAPE=$shape: change $env_file first"

draft=$(mktemp -d)
trap 'rm -rf "$draft"' EXIT
sed "s/^SEALPOST_SHAPE=.*/SEALPOST_SHAPE=$shape/" "$env_file" >"$draft/env"
python3 "$deploy/python/render.py" "$draft/env" "$draft/config"
config=$(directory CONFIG)
if $dry_run; then
    diff --recursive --unified --new-file "$config" "$draft/config" || true
    exit 0
fi
python3 "$deploy/python/render.py" "$env_file" "$config"
attach
say "rendered the $shape shape to $config"
