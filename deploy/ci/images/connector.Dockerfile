FROM sealpost-ci-tools
COPY --chmod=0755 connector.sh /usr/local/bin/cloudflared
USER 10005:10005
ENTRYPOINT ["cloudflared"]
