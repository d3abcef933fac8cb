# The same host of a newer Debian, where the docker command is a package of its own. The registry's host is no such.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh docker.io docker-cli iptables nftables iproute2 procps curl socat \
    conntrack tcpdump wireguard-go wireguard-tools iputils-ping mount mawk
