# zot-verify and nothing else. The context is a directory that holds the static binary; README.md has the commands.
FROM scratch
COPY zot-verify /zot-verify
USER 65532:65532
ENTRYPOINT ["/zot-verify"]
