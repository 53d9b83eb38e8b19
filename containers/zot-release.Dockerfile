# zot as it is published, by version and digest (of the index for linux/amd64 and linux/arm64), with a configuration of
# one's own: the context is a directory that holds config.json.
ARG ZOT=ghcr.io/project-zot/zot:v2.1.20@sha256:542e25be4d32e7879c0cfad93492a93c81b1e059cbd2d30d485d4bd567318234
FROM ${ZOT}
COPY config.json /etc/zot/config.json
