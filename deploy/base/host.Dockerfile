# What a host of the testbed needs from Debian. Changes seldom, so it is built once and kept.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh docker.io iptables nftables iproute2 procps docker-registry curl wrk socat \
    conntrack tcpdump wireguard-go wireguard-tools iputils-ping
