# Looks at running containers for what the compose files promise; sourced after lib.sh by who brought them up.
# shellcheck shell=bash

# published PROJECT: every published port of a project.
published() { docker ps --filter "label=com.docker.compose.project=$1" --format '{{.Ports}}' | tr ',' '\n' | grep -- '->' | sort -u || true; }

# cut_off NETWORK HOST:PORT...: from a container on the network, nothing of these can be resolved or reached.
cut_off() {
    local network=$1 reached
    shift
    # curl: 6 is "cannot resolve", 7 "cannot connect", 28 a time-out; anything else means that something answered.
    # shellcheck disable=SC2016 # expanded in the container
    reached=$(docker run --rm --network "$network" --cap-drop ALL --memory 64m sealpost-ci-tools sh -c '
        for target; do
            (curl --silent --output /dev/null --max-time 3 "telnet://$target" </dev/null; case $? in 6|7|28) ;; *) echo "$target" ;; esac) &
        done
        wait' - "$@")
    [[ -z $reached ]] || failed "from $network these can be reached: $reached"
    say "ok    from $network none of these can be reached: $*"
}

# describe SERVICE CONTAINER: what the engine and the kernel say of a running container.
describe() {
    local image status
    image=$(docker inspect --format '{{.Image}}' "$2")
    status=$(cat "/proc/$(docker inspect --format '{{.State.Pid}}' "$2")/status")
    say "      $1: image $(($(docker image inspect --format '{{.Size}}' "$image") / 100000))e5 bytes, $(grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' <<<"$status" |
        tr -s '\t\n' '  ')read-only root $(docker inspect --format '{{.HostConfig.ReadonlyRootfs}}, cap_drop {{.HostConfig.CapDrop}}, {{.HostConfig.SecurityOpt}}' "$2")"
}

# addresses CONTAINER PORT: the container's addresses on all its networks, each with the port.
addresses() {
    docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$1" | tr ' ' '\n' | sed "/^$/d;s/$/:$2/"
}
