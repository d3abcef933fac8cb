# The same host with OpenRC, for tests of the installer. Built on demand only.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh openrc && rm /usr/sbin/policy-rc.d && \
    mkdir -p /etc/docker && echo '{"insecure-registries": ["registry:5000"]}' > /etc/docker/daemon.json && \
    # A host in a container may not raise its limits, and Docker's script gives up when it can't.
    echo 'ulimit() { :; }' > /etc/default/docker && \
    rc-update del docker-registry default && rc-update add docker default
