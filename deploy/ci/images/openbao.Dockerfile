FROM sealpost-ci-tools
COPY bao /usr/local/bin/bao
USER 10002:10002
ENTRYPOINT ["bao"]
