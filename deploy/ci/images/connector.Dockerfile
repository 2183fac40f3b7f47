FROM sealpost-ci-tools
COPY --chmod=0755 connector.sh /usr/local/bin/cloudflared
COPY --chmod=0755 stand-in.sh /usr/local/bin/stand-in
COPY traefik /usr/local/bin/traefik
USER 10005:10005
ENTRYPOINT ["cloudflared"]
