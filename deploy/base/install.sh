#!/bin/sh
# Installs Debian packages during an image build, through the sources and transport settings
# of the machine that builds (proxies, mirrors), which stand beside this file if there are any.
set -eu
here=$(dirname "$0")
if [ -s "$here/apt.conf" ]; then export APT_CONFIG="$here/apt.conf"; fi
if [ -s "$here/sources.list" ]; then
  set -- -o "Dir::Etc::SourceList=$here/sources.list" -o Dir::Etc::SourceParts=/dev/null -- "$@"
else
  set -- -- "$@"
fi
options=''
while [ "$1" != '--' ]; do options="$options $1"; shift; done
shift
export DEBIAN_FRONTEND=noninteractive
# Package scripts must not start services during a build.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
# shellcheck disable=SC2086 # options are words without spaces
apt-get -qq $options update
# shellcheck disable=SC2086
apt-get -qq -y $options install --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /usr/share/doc/* /usr/share/man/*
