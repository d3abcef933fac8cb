import { buildAnsibleImage } from '../images/index.ts';
import { run, tryRun, until } from '../machine/index.ts';
import { Host } from './host.ts';

/** Who comes with this key may become root without a password. A host without systemd starts nothing by itself. */
const admit = `
  id "$2" > /dev/null 2>&1 || useradd --create-home --shell /bin/sh "$2"
  home=$(getent passwd "$2" | cut -d: -f6)
  install -d -m 700 -o "$2" "$home/.ssh"
  echo "$1" > "$home/.ssh/authorized_keys" && chown "$2" "$home/.ssh/authorized_keys"
  echo "$2 ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/control
  [ -d /run/systemd/system ] || { mkdir -p /run/sshd && /usr/sbin/sshd; }
  cat /etc/ssh/ssh_host_ed25519_key.pub
`;

/**
 * A host with Ansible beside those of a cluster, on their network. It reaches the named ones, which have sshd, over SSH, as a
 * user who may use sudo there, and knows them. `last`: the last number of its address.
 */
export async function startControlHost(
  like: Host,
  {
    name,
    last,
    reaches,
    as: user,
  }: { readonly name: string; readonly last: number; readonly reaches: readonly Host[]; readonly as: string },
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
    const known = await other.exec(['sh', '-ec', admit, 'sh', key, user]);
    await host.exec([
      'sh',
      '-ec',
      'printf "%s %s" "$1" "$2" >> /root/.ssh/known_hosts',
      'sh',
      other.ip,
      known,
    ]);
    const ssh = ['exec', host.container, 'ssh', '-o', 'BatchMode=yes', `${user}@${other.ip}`, 'true'];
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
