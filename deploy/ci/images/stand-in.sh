#!/bin/sh
# What e2e-tunnel.sh configures at /cloudflare: a proxy, and files behind it.
set -eu
busybox httpd -p 127.0.0.1:8081 -h /cloudflare/files
exec traefik --configFile=/cloudflare/traefik.toml
