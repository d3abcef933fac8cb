import type { ContainerSpec } from '../../../model/index.ts';
import { badRequest } from '../../http/index.ts';

/** What a container asks of the kernel: values that no Docker daemon, or no kernel, takes from anybody. */

const base = 'TaskTemplate.ContainerSpec';

/** Throws 400 with the path of the first value that can only end in a task that never starts. */
export function checkKernel(container: ContainerSpec): void {
  checkSysctls(container);
  checkCapabilities(container, 'CapabilityAdd');
  checkCapabilities(container, 'CapabilityDrop');
  checkUlimits(container);
  const oom = container.OomScoreAdj ?? 0;
  if (oom < -1000 || oom > 1000) throw badRequest(`${base}.OomScoreAdj: ${oom} is not within -1000 to 1000`);
}

/** Those that a container can have for itself (runc libcontainer/configs/validate); `/` may stand for the dots. */
const namespaced =
  /^(net\..+|fs\.mqueue\..+|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|domainname))$/;

export const isNetSysctl = (name: string): boolean => /^net[./]/.test(name);

function checkSysctls({ Sysctls }: ContainerSpec): void {
  for (const name of Object.keys(Sysctls ?? {})) {
    if (namespaced.test(name.replaceAll('/', '.'))) continue;
    throw badRequest(
      `${base}.Sysctls["${name}"]: is one of the whole host's; a container can have net.*, fs.mqueue.*, kernel.msg*, ` +
        'kernel.sem, kernel.shm* and kernel.domainname',
    );
  }
}

/** All of Linux (capabilities(7)); moby daemon/pkg/oci/caps takes them in any case, with or without CAP_. */
const capabilities = new Set([
  ...['AUDIT_CONTROL', 'AUDIT_READ', 'AUDIT_WRITE', 'BLOCK_SUSPEND', 'BPF', 'CHECKPOINT_RESTORE', 'CHOWN'],
  ...['DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'IPC_LOCK', 'IPC_OWNER', 'KILL', 'LEASE'],
  ...['LINUX_IMMUTABLE', 'MAC_ADMIN', 'MAC_OVERRIDE', 'MKNOD', 'NET_ADMIN', 'NET_BIND_SERVICE'],
  ...['NET_BROADCAST', 'NET_RAW', 'PERFMON', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYSLOG', 'SYS_ADMIN'],
  ...['SYS_BOOT', 'SYS_CHROOT', 'SYS_MODULE', 'SYS_NICE', 'SYS_PACCT', 'SYS_PTRACE', 'SYS_RAWIO'],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'WAKE_ALARM'],
]);

function checkCapabilities(container: ContainerSpec, field: 'CapabilityAdd' | 'CapabilityDrop'): void {
  for (const [i, given] of (container[field] ?? []).entries()) {
    const name = given.toUpperCase();
    if (name === 'ALL' || capabilities.has(name.replace(/^CAP_/, ''))) continue;
    throw badRequest(
      `${base}.${field}[${i}]: unknown capability "${given}"; write a name such as CAP_NET_ADMIN, or ALL`,
    );
  }
}

/** What runc knows (libcontainer rlimit map), in any case. */
const ulimits = new Set([
  ...['as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc'],
  ...['rss', 'rtprio', 'rttime', 'sigpending', 'stack'],
]);

function checkUlimits({ Ulimits }: ContainerSpec): void {
  for (const [i, { Name, Soft, Hard }] of (Ulimits ?? []).entries()) {
    const path = `${base}.Ulimits[${i}]`;
    if (!ulimits.has((Name ?? '').toLowerCase())) {
      throw badRequest(
        `${path}.Name: invalid ulimit type "${Name ?? ''}"; one of ${[...ulimits].join(', ')}`,
      );
    }
    if (asKernelSees(Soft) > asKernelSees(Hard)) {
      throw badRequest(
        `${path}: ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard ?? 0}`,
      );
    }
  }
}

/** -1 is "unlimited", the greatest there is. */
const asKernelSees = (limit: number | null | undefined): number =>
  (limit ?? 0) < 0 ? Number.POSITIVE_INFINITY : (limit ?? 0);
