# The same host with what Ansible needs of one. Built on demand only.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh openssh-server sudo python3 python3-docker
