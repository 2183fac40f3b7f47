#!/usr/bin/env bash
# Assembles every image of the three shapes without a registry, for tests: from Debian's packages, from the binaries that
# scripts/setup pins, and from this repository. Each gets the name that production uses, so the same compose files run.
# What differs from the published images: their entry points (ours are beside this file), and Postgres is Debian's build.
#
# Usage: build-images.sh [--relay BINARY] [--list] [--dry-run]
#
#   --relay BINARY  a static sealpost-relay that is built already
#   --list          prints the images' names and nothing else
#   --dry-run       says what would be done
#
# Needs root, mmdebstrap and a Docker engine with buildx. What Debian gave is kept in .tools/images; remove it to fetch anew.
# Exit codes: ../lib.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
repository=$(cd "$deploy/.." && pwd -P)
tools=$repository/.tools
here=$deploy/ci/images
env_file=$deploy/env/.env.example # the names in production

relay='' list=false
while (($#)); do
    case $1 in
        --relay) relay=${2:?--relay needs a file}; shift ;;
        --list) list=true ;;
        --dry-run) dry_run=true ;;
        --help | -h) usage; exit 0 ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done

image() { setting "SEALPOST_$1_IMAGE"; }
names() { for name in TRAEFIK RELAY POSTGRES OPENBAO CLOUDFLARED BACKUP; do image "$name"; done; echo sealpost-ci-tools; }
if $list; then names; exit 0; fi

# base NAME SUITE PACKAGES: a minimal Debian with some packages, as the image sealpost-ci-NAME. Forky is the first Debian with
# PostgreSQL 18; its release files are let expire between its updates.
base() {
    local name=$1 suite=$2 packages=$3 tar=$tools/images/$1.tar
    if [[ ! -s $tar ]]; then
        change mkdir -p "$tools/images"
        change mmdebstrap --quiet --format=tar --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
            --include="$packages" "$suite" "$tar.partial" || impossible "Debian's packages for $1 cannot be had"
        change mv "$tar.partial" "$tar"
    fi
    change docker import "$tar" "sealpost-ci-$name" >/dev/null
}

# assemble NAME DOCKERFILE FILE...: an image from a Dockerfile and the files it copies.
assemble() {
    local name=$1 dockerfile=$2 context
    shift 2
    context=$(mktemp -d)
    # Hard links where that goes: some of these files are large.
    cp -l "$@" "$context/" 2>/dev/null || cp "$@" "$context/"
    change docker build --quiet --file "$dockerfile" --build-arg BINARY=ready --build-arg RELAY="$(image RELAY)" --build-arg POSTGRES="$(image POSTGRES)" --tag "$name" "$context" >/dev/null
    rm -rf "$context"
    say "assembled $name"
}

# A static build of the relay; its DNS and TLS need nothing from the image.
build_relay() {
    local triple
    triple=$(rustc -vV | sed -n 's/^host: //p')
    (cd "$repository" && SQLX_OFFLINE=true change cargo build --config 'target."cfg(all())".rustflags = ["-Ctarget-feature=+crt-static"]' \
        --quiet --locked --release --target "$triple" --package sealpost-relay --bin sealpost-relay)
    relay=${CARGO_TARGET_DIR:-$repository/target}/$triple/release/sealpost-relay
}

need_engine
[[ $(id -u) -eq 0 ]] || impossible "mmdebstrap unpacks Debian as root"
need mmdebstrap strip
"$repository/scripts/setup" --deploy
[[ -n $relay ]] || build_relay

stripped=$(mktemp -d)
trap 'rm -rf "$stripped"' EXIT
change strip -o "$stripped/sealpost-relay" "$relay"
base tools bookworm ca-certificates,curl,pebble,busybox-static
base postgres forky ca-certificates,tzdata,postgresql-18
$dry_run || : >"$stripped/ca-certificates.crt"
$dry_run || docker run --rm --network none sealpost-ci-tools cat /etc/ssl/certs/ca-certificates.crt >"$stripped/ca-certificates.crt"
$dry_run && { say "would assemble: $(names | tr '\n' ' ')"; exit 0; }
assemble "$(image RELAY)" "$deploy/images/relay/Dockerfile" "$stripped/sealpost-relay" "$stripped/ca-certificates.crt"
assemble "$(image TRAEFIK)" "$here/traefik.Dockerfile" "$tools/traefik/bin/traefik"
assemble "$(image OPENBAO)" "$here/openbao.Dockerfile" "$tools/openbao/bin/bao"
assemble "$(image POSTGRES)" "$here/postgres.Dockerfile" "$here/postgres-entrypoint.sh"
assemble "$(image BACKUP)" "$deploy/images/backup/Dockerfile" "$deploy/images/backup/sealpost-backup"
assemble "$(image CLOUDFLARED)" "$here/connector.Dockerfile" "$here/connector.sh" "$here/stand-in.sh" "$tools/traefik/bin/traefik"
