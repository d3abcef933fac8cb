#!/bin/bash
# PID 1 of a testbed host: runs dockerd, the agent and (SHOAL_MANAGER=1) the manager, each under a
# small supervisor that starts it again half a second after it died, as an init system would.
# What it keeps where: see supervise.sh. `docker logs` of the host shows all logs.
#
# With the word `plain` it runs dockerd alone, as a host before Shoal is installed; with `systemd` the same, but systemd does
# so; with `registry` it is the hosts' registry.
#
# /run is a tmpfs: a power loss (docker kill, docker start) clears it as a reboot does.
set -u
here=$(dirname "$0")
NAME=${SHOAL_HOSTNAME:-$(hostname)}
. "$here/supervise.sh"
. "$here/prepare.sh"

case ${1:-} in
registry) exec docker-registry serve "$here/registry.yml" ;;
systemd)
  unmask_proc
  prepare_cgroups
  make_tun
  rm -rf "$RUN" "$LOGS"
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
    --cgroup-parent "$CGROUP_PARENT" --insecure-registry registry:5000 ${SHOAL_DOCKERD_ARGS:-}
}

# Young objects die soon in both processes: a small nursery saves memory and costs no time. So does one heap for all
# threads of the agent, which hardly allocate beside its main one.
start_agent() {
  local flags=()
  if [ "${SHOAL_MANAGER:-0}" = 1 ]; then flags+=(--runs-manager); fi
  MALLOC_ARENA_MAX=1 exec node --max-semi-space-size=1 /opt/shoal/agent/main.mjs --state-dir /var/lib/shoal/agent \
    --manager "$SHOAL_MANAGER_ADDR" --docker unix:///var/run/docker.sock \
    --join-token-file /var/lib/shoal/join-token \
    --hostname "$NAME" --advertise-addr "$SHOAL_ADVERTISE_ADDR" "${flags[@]}" ${SHOAL_AGENT_ARGS:-}
}

start_manager() {
  exec node --max-semi-space-size=4 /opt/shoal/manager/main.mjs --state-dir /var/lib/shoal/manager \
    --api unix:///run/shoal/shoal.sock --api tcp://0.0.0.0:2476 \
    --agent-listen 0.0.0.0:2480 ${SHOAL_MANAGER_ARGS:-}
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
  touch "$LOGS/$1.log"
  tail -n +1 -F "$LOGS/$1.log" 2>/dev/null | sed -u "s/^/$1: /" &
}

rm -f "$LOGS"/*.log # `docker logs` keeps earlier lives
trap shut_down TERM INT
unmask_proc
prepare_cgroups
make_tun

supervise dockerd start_dockerd &
supervise forward start_forward &
if [ "${1:-}" = plain ]; then
  while :; do wait; done
fi
mkdir -p /var/lib/shoal/agent
names=(dockerd agent)
if [ "${SHOAL_MANAGER:-0}" = 1 ]; then
  mkdir -p /var/lib/shoal/manager
  names+=(manager)
  supervise manager start_manager &
  supervise api-forward start_api_forward &
fi
supervise agent start_agent &
for name in host "${names[@]}"; do show_logs "$name"; done
# A trap runs only when `wait` returns, and it returns for the signal; children never all end.
while :; do wait; done
