# Debian with the Node binary that this repository runs on: shared by hosts and examples.
ARG BASE
FROM ${BASE}
COPY node /usr/local/bin/node
