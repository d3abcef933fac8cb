#!/bin/sh
# First process of the container: keeps the host's programs up, as an init system does elsewhere.
set -u
. /opt/shoal/current/supervise.sh
# The container has the process ids of the host, and /run/shoal outlives it: what was written there before is of others by now.
for name in agent manager; do rm -f "$RUN/$name.pid" "$RUN/$name.supervisor" "$RUN/hold/$name"; done

shut_down() {
  touch "$RUN/hold/agent" "$RUN/hold/manager"
  stop_process agent 5
  stop_process manager 5
  exit 0
}

trap shut_down TERM INT
[ ! -e /var/lib/shoal/host.json ] || shoal start
# A trap runs only between commands, or when `wait` is told of the signal.
while :; do
  sleep 3600 &
  wait $!
done
