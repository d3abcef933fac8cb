#!/bin/bash
# PID 1 of a testbed host: what a machine does when it starts. dockerd runs under the same small supervisor as Shoal's own
# programs (supervise.sh says what it keeps where), which a host has once `shoal init` or `shoal join` was called there.
# `docker logs` of the host shows all logs.
#
# With the word `systemd` or `openrc` that one does all this; with `registry` it is the hosts' registry.
#
# /run is a tmpfs: a power loss (docker kill, docker start) clears it as a reboot does.
set -u
here=$(dirname "$0")
release=/root/release
. "$release/supervise.sh"
. "$here/prepare.sh"

case ${1:-} in
registry) exec docker-registry serve "$here/registry.yml" ;;
systemd | openrc)
  unmask_proc
  prepare_cgroups
  make_tun
  rm -rf "$RUN" "$LOGS"
  if [ "$1" = openrc ]; then exec /sbin/openrc-init; fi
  exec /sbin/init
  ;;
esac

shut_down() {
  log 'shutting down'
  touch "$RUN/hold/"{agent,manager,dockerd}
  stop_process agent 5
  stop_process manager 5
  stop_process dockerd 12
  exit 0
}

start_dockerd() {
  rm -f /run/docker.pid # left by a killed daemon
  exec dockerd --host unix:///var/run/docker.sock --pidfile /run/docker.pid \
    --cgroup-parent "$CGROUP_PARENT" --insecure-registry registry:5000
}

# What docs/install.md says for hosts without an init system. One that was given another image has its disks and no release.
start_shoal() {
  [ -e /var/lib/shoal/host.json ] || return 0
  [ -e /opt/shoal/current ] || sh "$release/install.sh"
  shoal start
}

# A daemon on TCP without TLS delays its own start by seconds to warn about it; forwarding to its
# socket does not. Whoever reaches this port rules the host: the hosts' network is a bridge of the
# machine that runs the tests, and nothing publishes the port.
start_forward() {
  exec socat TCP-LISTEN:2375,fork,reuseaddr UNIX-CONNECT:/var/run/docker.sock
}

# The manager serves no TCP in the clear to other hosts; the port that this machine's loopback has of h1 leads to its socket.
start_api_forward() {
  exec socat TCP-LISTEN:2475,fork,reuseaddr,nodelay UNIX-CONNECT:/run/shoal/shoal.sock
}

show_logs() { # NAME: follow its file on our stdout, each line with its name
  tail -n +1 -F "$LOGS/$1.log" 2>/dev/null | sed -u "s/^/$1: /" &
}

rm -f "$LOGS"/*.log # `docker logs` keeps earlier lives
trap shut_down TERM INT
unmask_proc
prepare_cgroups
make_tun

supervise dockerd start_dockerd &
supervise forward start_forward &
if [ "${SHOAL_API_FORWARD:-0}" = 1 ]; then supervise api-forward start_api_forward & fi
start_shoal >> "$LOGS/host.log" 2>&1
for name in host dockerd manager agent; do show_logs "$name"; done
# A trap runs only when `wait` returns, and it returns for the signal; children never all end.
while :; do wait; done
