#!/bin/sh
# Puts this release of Shoal on the host: into /opt/shoal, and the command `shoal` into /usr/local/bin.
#
#   sh install.sh                                       only that
#   sh install.sh init [OPTIONS]                        and begins a cluster here
#   sh install.sh join --token TOKEN ADDRESS [OPTIONS]  and takes this host into one
#   sh install.sh upgrade                               and lets the programs of this host run in this release
#
# A release that is there already stays as it is. Nothing is downloaded.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/version")
arch=$(cat "$here/arch")
fail() { echo "install.sh: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "needs root: run it with sudo"
[ "$(uname -s)" = Linux ] || fail "Shoal runs on Linux, this is $(uname -s)"
case $(uname -m) in
  x86_64) machine=x64 ;;
  aarch64) machine=arm64 ;;
  *) machine=$(uname -m) ;;
esac
[ "$machine" = "$arch" ] || fail "this archive is for $arch, the host is $machine: take the archive for $machine"
"$here/bin/node" --version > /dev/null 2>&1 ||
  fail "the Node inside does not run here: it needs glibc 2.28 or newer ($("$here/bin/node" --version 2>&1 | head -n 1))"

release=/opt/shoal/releases/$version
if [ ! -d "$release" ]; then
  rm -rf "$release.part"
  mkdir -p "$release.part"
  cp -R "$here/." "$release.part/"
  chown -R 0:0 "$release.part"
  mv "$release.part" "$release"
fi
# On a host of a cluster `upgrade` does this, and sees whether the release works.
if [ ! -e /var/lib/shoal/host.json ] || [ ! -e /opt/shoal/current ]; then
  ln -sfn "releases/$version" /opt/shoal/current.new
  mv -T /opt/shoal/current.new /opt/shoal/current
fi
mkdir -p /usr/local/bin
ln -sfn /opt/shoal/current/bin/shoal /usr/local/bin/shoal
echo "Shoal $version is in $release"

if [ $# -gt 0 ]; then exec "$release/bin/shoal" "$@"; fi
if [ -e /var/lib/shoal/host.json ]; then
  echo "This host is in a cluster, and runs its programs as before. To change to this release: $release/bin/shoal upgrade"
else
  echo "Next: \`shoal init\` begins a cluster here, \`shoal join --token TOKEN ADDRESS\` takes this host into one."
fi
