#!/bin/sh
# Runs a program and starts it again half a second after it ended, where no init system does so:
#
#   supervise.sh NAME COMMAND [ARGUMENTS]
#
#   /run/shoal/NAME.pid         the program while it runs
#   /run/shoal/NAME.supervisor  this script
#   /run/shoal/hold/NAME        while this file exists, a program that ended stays down
#   /var/log/shoal/NAME.log     its output, in at most two files of 20 MB
#
# May be sourced for its functions, too.
RUN=/run/shoal LOGS=/var/log/shoal
mkdir -p "$RUN/hold" "$LOGS"

log() { echo "$(date -u +%FT%TZ) $*" >> "$LOGS/host.log"; }

keep_short() { # NAME: called before each start, as the program holds its log open
  if [ -n "$(find "$LOGS/$1.log" -size +20000000c 2>/dev/null)" ]; then mv "$LOGS/$1.log" "$LOGS/$1.log.1"; fi
}

supervise() { # NAME COMMAND...
  name=$1
  shift
  while :; do
    while [ -e "$RUN/hold/$name" ]; do sleep 0.1; done
    keep_short "$name"
    "$@" >> "$LOGS/$name.log" 2>&1 &
    pid=$!
    echo "$pid" > "$RUN/$name.pid"
    log "$name started (pid $pid)"
    wait "$pid" 2>/dev/null # without the shell's own remark about a killed job
    code=$?
    rm -f "$RUN/$name.pid"
    log "$name ended with code $code"
    sleep 0.5
  done
}

stop_process() { # NAME SECONDS: asks it to stop and waits, but not for ever
  stopping=$(cat "$RUN/$1.pid" 2>/dev/null) || return 0
  tries=$(($2 * 10))
  kill -TERM "$stopping" 2>/dev/null || return 0
  while kill -0 "$stopping" 2>/dev/null && [ "$tries" -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
}

case $0 in
*/supervise.sh)
  echo $$ > "$RUN/$1.supervisor"
  ulimit -c 0 # secrets are in the programs' memory, and are to be on no disk
  supervise "$@"
  ;;
esac
