#!/bin/sh
# Stands where cloudflared stands, which cannot be had without its maker's server: takes the same arguments, demands the same
# token file, connects to nothing. Tests send requests from its container, as the real one would.
set -eu
last=
for argument in "$@"; do last=$argument; done
[ -r "${TUNNEL_TOKEN_FILE:?}" ] || { echo "cannot read the token file" >&2; exit 1; }
case $last in
    ready) ;;
    run) exec sleep infinity ;;
    *) echo "unknown arguments: $*" >&2; exit 2 ;;
esac
