FROM sealpost-ci-tools
COPY traefik /usr/local/bin/traefik
USER 10003:10003
ENTRYPOINT ["traefik"]
