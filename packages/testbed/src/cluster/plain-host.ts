import { type PlainHost, plainHostImage } from '../images/index.ts';
import { run, until } from '../machine/index.ts';
import { Host } from './host.ts';

interface Inspected {
  readonly HostConfig: {
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Tmpfs: Readonly<Record<string, string>> | null;
  };
}

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
    ssh = false,
  }: { readonly name: string; readonly last: number } & Omit<PlainHost, 'ssh'> & Partial<PlainHost>,
): Promise<Host> {
  const project = like.container.slice(0, -like.name.length - 1);
  const host = new Host(project, name, `${like.ip.slice(0, like.ip.lastIndexOf('.'))}.${last}`);
  const { HostConfig } = await inspect(like);
  await run('docker', [
    'run',
    '--detach',
    ...['--name', host.container, '--hostname', name],
    ...['--network', host.network, '--ip', host.ip],
    ...rightsIn(HostConfig),
    ...Object.entries(HostConfig.Tmpfs ?? {}).flatMap(([path, options]) => ['--tmpfs', `${path}:${options}`]),
    ...['--volume', '/var/lib/docker'],
    await plainHostImage({ suite, init, ssh }),
    ...(init === 'supervisor' ? [] : [init]),
  ]);
  await until(`the Docker daemon of ${name} answers`, () => host.daemonAnswers(), { timeoutMs: 60_000 });
  return host;
}

const inspect = async ({ container }: Host): Promise<Inspected> =>
  (JSON.parse(await run('docker', ['inspect', container])) as [Inspected])[0];

const rightsIn = ({ CapAdd, SecurityOpt }: Inspected['HostConfig']): string[] => [
  ...(CapAdd ?? []).flatMap((capability) => ['--cap-add', capability]),
  ...(SecurityOpt ?? []).flatMap((option) => ['--security-opt', option]),
];

/** Options of `docker run` on a host for what `--privileged` gives, where that asks for more than the machine has. */
export const privileges = async (host: Host): Promise<string[]> => [
  ...rightsIn((await inspect(host)).HostConfig),
  ...['--security-opt', 'systempaths=unconfined', '--volume', '/sys:/sys'],
];

/** With its disks. */
export async function removePlainHost(host: Host): Promise<void> {
  await run('docker', ['rm', '--force', '--volumes', host.container]);
}
