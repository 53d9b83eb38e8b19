# zot from a binary, and nothing else, laid out as the published image is. The context is a directory that
# `containers/zot-context` makes: the binary, and the loader that it asks for, if it asks for one.
FROM scratch
COPY . /
EXPOSE 5000
ENTRYPOINT ["/usr/bin/zot"]
CMD ["serve", "/etc/zot/config.json"]
