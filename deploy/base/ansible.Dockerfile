# Debian's Ansible, for tests of the role. Of its collections only that for Docker: all 16,000 files take minutes. Built on demand only.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh ansible-core openssh-client && \
    all=/usr/lib/python3/dist-packages/ansible_collections && \
    printf 'path-exclude=%s\n' "$all/*" > /etc/dpkg/dpkg.cfg.d/collections && \
    printf 'path-include=%s\n' "$all/community" "$all/community/docker/*" >> /etc/dpkg/dpkg.cfg.d/collections && \
    # It would look for the files that are left out.
    ln -sf /bin/true /usr/bin/py3compile && \
    sh /opt/apt/install.sh ansible
ENV LANG=C.UTF-8
