import { buildSystemdHostImage, hostImage, type Suite } from '../images/index.ts';
import { run, until } from '../machine/index.ts';
import { Host } from './host.ts';

interface Inspected {
  readonly HostConfig: {
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Tmpfs: Readonly<Record<string, string>> | null;
  };
}

/** What runs first on a host. */
export type HostInit = 'supervisor' | 'systemd';

/**
 * A host beside those of a cluster, on their network and with the same rights, that has a Docker daemon and nothing of Shoal.
 * `last`: the last number of its address. `suite`: the Debian that it is; if it can't be had, bookworm.
 */
export async function startPlainHost(
  like: Host,
  {
    name,
    last,
    init,
    suite,
  }: { readonly name: string; readonly last: number; readonly init: HostInit; readonly suite: Suite },
): Promise<Host> {
  const project = like.container.slice(0, -like.name.length - 1);
  const host = new Host(project, name, `${like.ip.slice(0, like.ip.lastIndexOf('.'))}.${last}`);
  const [inspected] = JSON.parse(await run('docker', ['inspect', like.container])) as [Inspected];
  const { CapAdd, SecurityOpt, Tmpfs } = inspected.HostConfig;
  await run('docker', [
    'run',
    '--detach',
    ...['--name', host.container, '--hostname', name],
    ...['--network', host.network, '--ip', host.ip],
    ...(CapAdd ?? []).flatMap((capability) => ['--cap-add', capability]),
    ...(SecurityOpt ?? []).flatMap((option) => ['--security-opt', option]),
    ...Object.entries(Tmpfs ?? {}).flatMap(([path, options]) => ['--tmpfs', `${path}:${options}`]),
    ...['--volume', '/var/lib/docker'],
    ...(init === 'systemd' ? [await buildSystemdHostImage(suite), 'systemd'] : [await hostImage(suite)]),
  ]);
  await until(`the Docker daemon of ${name} answers`, () => host.daemonAnswers(), { timeoutMs: 60_000 });
  return host;
}

/** With its disks. */
export async function removePlainHost(host: Host): Promise<void> {
  await run('docker', ['rm', '--force', '--volumes', host.container]);
}
