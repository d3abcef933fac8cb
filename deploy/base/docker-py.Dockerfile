# Docker's own Python client, as Debian has it, for tests. Built on demand only.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh python3-docker
