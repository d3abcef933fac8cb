# What Shoal needs from Debian when it runs in a container. Changes seldom, so it is built once and kept.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh conntrack iproute2 iptables iputils-ping kmod nftables procps wireguard-go wireguard-tools
