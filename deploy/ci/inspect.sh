# Looks at running containers for what the compose files promise; sourced after lib.sh by who brought them up.
# shellcheck shell=bash

# hardened CONTAINER: no root, no capability, no way to get one, a root file system that cannot be written.
hardened() {
    local container=$1 pid status uid read_only
    pid=$(docker inspect --format '{{.State.Pid}}' "$container")
    status=$(cat "/proc/$pid/status")
    uid=$(awk '/^Uid:/ { print $2 }' <<<"$status")
    read_only=$(docker inspect --format '{{.HostConfig.ReadonlyRootfs}}' "$container")
    ((uid != 0)) || failed "$container runs as root"
    grep -q '^CapEff:[[:space:]]*0*$' <<<"$status" || failed "$container has capabilities"
    grep -q '^CapBnd:[[:space:]]*0*$' <<<"$status" || failed "$container could get capabilities"
    grep -q '^NoNewPrivs:[[:space:]]*1$' <<<"$status" || failed "$container may gain privileges"
    [[ $read_only == true ]] || failed "$container has a writable root"
    say "ok    $container: user $uid, no capability, no new privileges, read-only root"
}

# published PROJECT: every published port of a project.
published() { docker ps --filter "label=com.docker.compose.project=$1" --format '{{.Ports}}' | tr ',' '\n' | grep -- '->' | sort -u || true; }

# cut_off NETWORK HOST:PORT...: from a container on the network, nothing of these can be resolved or reached.
cut_off() {
    local network=$1 target
    shift
    for target in "$@"; do
        # curl: 6 is "cannot resolve", 7 "cannot connect", 28 a time-out; anything else means that something answered.
        docker run --rm --network "$network" --cap-drop ALL --memory 64m sealpost-ci-tools \
            sh -c 'curl --silent --output /dev/null --max-time 3 "telnet://$1" </dev/null; case $? in 6|7|28) ;; *) exit 1 ;; esac' - "$target" ||
            failed "$target can be reached from $network"
    done
    say "ok    from $network none of these can be reached: $*"
}

# addresses CONTAINER PORT: the container's addresses on all its networks, each with the port.
addresses() {
    docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$1" | tr ' ' '\n' | sed "/^$/d;s/$/:$2/"
}
