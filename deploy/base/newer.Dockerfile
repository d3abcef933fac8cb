# The same host with the Docker of another Debian suite, which apt/sources.list names. Built on demand only.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
# The docker command is a package of its own there.
RUN sh /opt/apt/install.sh docker.io docker-cli iptables nftables iproute2 procps curl socat \
    conntrack tcpdump wireguard-go wireguard-tools iputils-ping
