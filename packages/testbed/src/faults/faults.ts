import type { Cluster, Host, HostProcess } from '../cluster/index.ts';
import { run, tryRun } from '../machine/index.ts';

/** Power is gone at once: every process on the host dies, its disk stays. */
export async function powerOff(host: Host): Promise<void> {
  await run('docker', ['kill', host.container]);
}

/** Boots a host again; its /run is empty then, as after any boot. */
export async function powerOn(host: Host): Promise<void> {
  await run('docker', ['start', host.container]);
}

/** Power off and on again; resolves when the host's daemon answers. */
export async function powerLoss(host: Host): Promise<void> {
  await powerOff(host);
  await powerOn(host);
  await host.daemonBack();
}

/** Pulls the network cable: the host lives on alone. */
export async function cut(host: Host): Promise<void> {
  await run('docker', ['network', 'disconnect', host.network, host.container]);
}

/** Plugs the cable in again, with the same address. */
export async function heal(host: Host): Promise<void> {
  await run('docker', [
    'network',
    'connect',
    '--ip',
    host.ip,
    '--alias',
    host.name,
    host.network,
    host.container,
  ]);
}

/** Freezes all processes of the host; its kernel still answers the network. */
export async function pause(host: Host): Promise<void> {
  await run('docker', ['pause', host.container]);
}

export async function unpause(host: Host): Promise<void> {
  await run('docker', ['unpause', host.container]);
}

/**
 * `kill -9`; the host's supervisor starts the process again soon, unless it is held down until `resume`. Resolves with
 * the moment (milliseconds since 1970), which comes some time after the command.
 */
export async function killProcess(host: Host, name: HostProcess, { hold = false } = {}): Promise<number> {
  const holding = hold ? `touch /run/shoal/hold/${name}; ` : '';
  return Number(await host.sh(`${holding}pid=$(cat /run/shoal/${name}.pid); date +%s%3N; kill -9 "$pid"`));
}

/** Starts a process that is held down. */
export async function resume(host: Host, name: HostProcess): Promise<void> {
  await host.sh(`rm -f /run/shoal/hold/${name}`);
}

/** Freezes one process; `thaw` lets it go on. Its sockets stay open, and its kernel goes on acknowledging. */
export async function freeze(host: Host, name: HostProcess): Promise<void> {
  await host.sh(`kill -STOP "$(cat /run/shoal/${name}.pid)"`);
}

export async function thaw(host: Host, name: HostProcess): Promise<void> {
  await host.sh(`kill -CONT "$(cat /run/shoal/${name}.pid)"`);
}

export interface DropOptions {
  from: Host;
  at: Host;
  /** Only packets of one kind, for instance `{ protocol: 'udp', port: 4789 }`. */
  only?: { protocol: 'tcp' | 'udp'; port: number };
  /** Percent of the packets, chosen at random. */
  percent?: number;
}

/** Loses packets one way: what `from` sends doesn't arrive `at`, while the other direction works. */
export async function drop({ from, at, only, percent }: DropOptions): Promise<void> {
  const kind = only ? `${only.protocol} dport ${only.port} ` : '';
  const match = percent === undefined ? kind : `${kind}numgen random mod 100 < ${percent} `;
  // Ahead of connection tracking and of every rule that Docker or Shoal may have.
  await at.sh(
    `nft add table inet shoal_faults
     nft 'add chain inet shoal_faults arriving { type filter hook prerouting priority -400; }'
     nft 'add rule inet shoal_faults arriving ip saddr ${from.ip} ${match}drop'`,
  );
}

/** Ends all packet loss at a host. */
export async function undrop(host: Host): Promise<void> {
  await tryRun('docker', ['exec', host.container, 'nft', 'delete', 'table', 'inet', 'shoal_faults']);
}

/** Shell: `folder` is the control group around all that runs on a host, which has its limits. */
const group = (controller: 'memory' | 'pids') => `
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then folder=/sys/fs/cgroup
  else folder=/sys/fs/cgroup/${controller}$(awk -F: '$2 == "${controller}" {print $3}' /proc/1/cgroup); fi`;
const memoryLimit = `${group('memory')}
  if [ -e "$folder/memory.max" ]; then limit=$folder/memory.max; else limit=$folder/memory.limit_in_bytes; fi`;

/** Leaves the host only so much memory beyond what it uses now; `giveMemory` takes that back. */
export async function takeMemory(host: Host, leaveMiB: number): Promise<void> {
  await host.sh(`${memoryLimit}
    used=$(cat "$folder/memory.usage_in_bytes" 2>/dev/null || cat "$folder/memory.current")
    cache=$(awk '$1 == "total_inactive_file" || $1 == "inactive_file" {bytes = $2} END {print bytes}' "$folder/memory.stat")
    echo $((used - cache + ${leaveMiB} * 1048576)) > "$limit"`);
}

export async function giveMemory(host: Host): Promise<void> {
  await host.sh(`${memoryLimit}
    echo max 2>/dev/null > "$limit" || echo -1 > "$limit"`);
}

/**
 * Leaves the host only so many percent of its processes and threads; `givePids` takes that back. Both work from outside, since
 * commands on such a host may fail.
 */
export async function takePids(host: Host, percent: number): Promise<void> {
  const used = Number(await host.sh(`${group('pids')}; cat "$folder/pids.current"`));
  await limitPids(host, Math.ceil((used * 100) / (100 - percent)));
}

export const givePids = (host: Host): Promise<void> => limitPids(host, -1);

async function limitPids(host: Host, most: number): Promise<void> {
  await run('docker', ['update', '--pids-limit', String(most), host.container]);
}

/** Where each process keeps its data. */
const folders = { dockerd: '/var/lib/docker', agent: '/var/lib/shoal/agent' } as const;
export type DiskOwner = keyof typeof folders;

/** Stops a process in order, so that it leaves nothing half done, does something, and starts it again. */
async function meanwhile(host: Host, name: DiskOwner, script: string): Promise<void> {
  await host.sh(`hold=/run/shoal/hold/${name} pid=/run/shoal/${name}.pid
    touch "$hold"; kill -TERM "$(cat "$pid")" 2>/dev/null || true
    for try in $(seq 200); do [ -e "$pid" ] || break; sleep 0.1; done
    [ ! -e "$pid" ]
    ${script}
    rm -f "$hold"`);
  if (name === 'dockerd') await host.daemonBack();
}

/** Gives a process a disk of its own, of so many MiB: an empty one for dockerd, one with all that it had for the agent. */
export async function smallDisk(host: Host, name: DiskOwner, sizeMiB: number): Promise<void> {
  const folder = folders[name];
  const [keep, bring] =
    name === 'agent' ? [`cp -a ${folder} /run/kept`, `cp -a /run/kept/. ${folder}/`] : ['', ''];
  await meanwhile(
    host,
    name,
    `${keep}
     mount -t tmpfs -o size=${sizeMiB}m,mode=711 shoal-fault ${folder}
     ${bring}
     rm -rf /run/kept`,
  );
}

/** Takes the small disk away, with all that is on it except for the agent's data. */
export async function ownDisk(host: Host, name: DiskOwner): Promise<void> {
  const folder = folders[name];
  if (!(await host.sh('cat /proc/mounts')).includes(`shoal-fault ${folder} `)) return;
  const [keep, bring] =
    name === 'agent'
      ? [`rm -f ${folder}/filler; cp -a ${folder} /run/kept`, `cp -a /run/kept/. ${folder}/`]
      : ['', ''];
  await meanwhile(
    host,
    name,
    `${keep}
     umount -l ${folder}
     ${bring}
     rm -rf /run/kept`,
  );
}

/** Fills such a disk but for so many KiB; `freeDisk` takes that back. */
export async function fillDisk(host: Host, name: DiskOwner, leaveKiB: number): Promise<void> {
  const folder = folders[name];
  await host.sh(`grep -q 'shoal-fault ${folder} ' /proc/mounts
    rm -f ${folder}/filler
    bytes=$(( ($(df --output=avail -k ${folder} | tail -n 1) - ${leaveKiB}) * 1024 ))
    [ "$bytes" -le 0 ] || fallocate -l "$bytes" ${folder}/filler`);
}

export async function freeDisk(host: Host, name: DiskOwner): Promise<void> {
  await host.sh(`rm -f ${folders[name]}/filler`);
}

/** Undoes every fault on every host, whatever it was; resolves when all daemons answer. */
export async function healAll(cluster: Cluster): Promise<void> {
  await Promise.all(
    cluster.hosts.map(async (host) => {
      const format = '{{.State.Paused}} {{.State.Running}} {{json .NetworkSettings.Networks}}';
      const state = await run('docker', ['inspect', '--format', format, host.container]);
      const [paused, running] = state.split(' ');
      if (paused === 'true') await unpause(host);
      if (running === 'false') await powerOn(host);
      if (!state.includes(`"${host.network}"`)) await heal(host);
      await givePids(host);
      // A limit of its memory ended when its power did.
      if (running === 'true') await giveMemory(host);
      await undrop(host);
      await host.sh(
        'rm -f /run/shoal/hold/*; for p in /run/shoal/*.pid; do kill -CONT "$(cat "$p")" || true; done 2>/dev/null',
      );
      await ownDisk(host, 'agent');
      await ownDisk(host, 'dockerd');
      await host.daemonBack();
    }),
  );
}
