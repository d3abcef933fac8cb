# The same host with systemd, and with what Ansible needs of a host, for tests of the installer. Built on demand only.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh systemd systemd-sysv dbus openssh-server python3 python3-docker && rm /usr/sbin/policy-rc.d && \
    mkdir -p /etc/docker && echo '{"insecure-registries": ["registry:5000"]}' > /etc/docker/daemon.json
ENV container=docker
STOPSIGNAL SIGRTMIN+3
