# Turns a container with the capabilities of docker-compose.test.yml into something that a Docker
# daemon takes for a machine: writable /proc/sys and cgroups of its own. Sourced by entrypoint.sh.
# `--privileged` would be shorter, but fails where the outer daemon lacks some capability itself.

# Docker mounts parts of /proc read-only or masked; beneath those mounts lies the real thing.
unmask_proc() {
  local point
  awk '$2 ~ "^/proc/" {print $2}' /proc/mounts | sort -r | while read -r point; do
    umount "$point" 2>/dev/null || true
  done
}

# WireGuard in user space makes its device through this one, which containers don't have.
make_tun() {
  mkdir -p /dev/net
  [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200 || log 'no /dev/net/tun: encrypted networks need WireGuard in the kernel'
}

prepare_cgroups() {
  mount -o remount,rw /sys 2>/dev/null || true
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then prepare_cgroup2; else prepare_cgroup1; fi
}

# Version 1 comes read-only: mount every controller again, under the same names.
prepare_cgroup1() {
  local controller
  umount -l /sys/fs/cgroup 2>/dev/null || umount -R /sys/fs/cgroup
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  awk '!/^#/ && $4 == 1 {print $1}' /proc/cgroups | while read -r controller; do
    mkdir -p "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" 2>/dev/null ||
      rmdir "/sys/fs/cgroup/$controller" # taken by a combination such as cpu,cpuacct
  done
  for controller in cpu,cpuacct net_cls,net_prio; do
    [ -d "/sys/fs/cgroup/${controller%,*}" ] || [ -d "/sys/fs/cgroup/${controller#*,}" ] && continue
    mkdir -p "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" 2>/dev/null ||
      rmdir "/sys/fs/cgroup/$controller"
  done
  mkdir -p /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd 2>/dev/null || rmdir /sys/fs/cgroup/systemd
  # Containers inside belong below the host's own group, so that `docker pause` and `docker stats` of
  # the host include them; for that it must be allowed every device that it allows them.
  CGROUP_PARENT=$(awk -F: '$2 == "memory" {print $3}' /proc/self/cgroup)/inner
  echo a > "/sys/fs/cgroup/devices$(awk -F: '$2 == "devices" {print $3}' /proc/self/cgroup)/devices.allow" ||
    log "not every device can be allowed: inner containers may fail to start"
  # Groups left behind by this host's earlier life (power loss) are empty by now.
  find /sys/fs/cgroup/*"$CGROUP_PARENT" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# Version 2: processes may only live in leaves, so move ours into one before giving controllers on.
prepare_cgroup2() {
  local controllers
  CGROUP_PARENT=/inner
  mount -o remount,rw /sys/fs/cgroup 2>/dev/null || true
  mkdir -p /sys/fs/cgroup/init
  xargs -rn1 < /sys/fs/cgroup/cgroup.procs > /sys/fs/cgroup/init/cgroup.procs 2>/dev/null || true
  controllers=$(sed 's/\([^ ]*\)/+\1/g' /sys/fs/cgroup/cgroup.controllers)
  echo "$controllers" > /sys/fs/cgroup/cgroup.subtree_control ||
    log "cgroup v2 controllers can't be delegated: limits of inner containers won't work"
}
