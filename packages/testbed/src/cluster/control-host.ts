import { buildAnsibleImage } from '../images/index.ts';
import { run, tryRun, until } from '../machine/index.ts';
import { Host } from './host.ts';

/**
 * A host with Ansible beside those of a cluster, on their network. It reaches the named ones, which have sshd, as root over SSH,
 * and knows them. `last`: the last number of its address.
 */
export async function startControlHost(
  like: Host,
  {
    name,
    last,
    reaches,
  }: { readonly name: string; readonly last: number; readonly reaches: readonly Host[] },
): Promise<Host> {
  const project = like.container.slice(0, -like.name.length - 1);
  const host = new Host(project, name, `${like.ip.slice(0, like.ip.lastIndexOf('.'))}.${last}`);
  await run('docker', [
    ...['run', '--detach', '--init', '--name', host.container, '--hostname', name],
    ...['--network', host.network, '--ip', host.ip],
    ...[await buildAnsibleImage(), 'sleep', 'infinity'],
  ]);
  const key = await host.sh(
    'mkdir -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519; cat /root/.ssh/id_ed25519.pub',
  );
  for (const other of reaches) {
    const admit =
      'mkdir -p -m 700 /root/.ssh; printf %s "$1" > /root/.ssh/authorized_keys; cat /etc/ssh/ssh_host_ed25519_key.pub';
    const known = await other.exec(['sh', '-ec', admit, 'sh', key]);
    await host.exec([
      'sh',
      '-ec',
      'printf "%s %s" "$1" "$2" >> /root/.ssh/known_hosts',
      'sh',
      other.ip,
      known,
    ]);
    const ssh = ['exec', host.container, 'ssh', '-o', 'BatchMode=yes', `root@${other.ip}`, 'true'];
    await until(
      `${other.name} lets ${name} in`,
      async (seen) => {
        const { code, stderr } = await tryRun('docker', ssh);
        seen(stderr);
        return code === 0;
      },
      { timeoutMs: 60_000 },
    );
  }
  return host;
}
