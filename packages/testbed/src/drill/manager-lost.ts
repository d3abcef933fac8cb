import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from '../cluster/index.ts';
import { httpJson, run, until } from '../machine/index.ts';
import { setAvailability } from './changes.ts';
import type { DrillContext } from './context.ts';
import { containersOn } from './service.ts';
import { struckAt } from './struck-at.ts';

const limitMs = { emptied: 120_000, settled: 60_000 };
/** On the hosts. */
const files = { backup: '/root/shoal.backup', passphrase: '/root/backup.passphrase' };

/** Backups that were made of clusters whose managers are lost, by the folders they are in. */
const made = new WeakMap<Cluster, string>();

/**
 * The manager's host is drained, as one that does nothing else would be; a backup is made; then the host is gone, disks and all.
 * Resolves with the moment of that.
 */
export async function loseManager({ docker, manager }: DrillContext, cluster: Cluster): Promise<number> {
  const host = cluster.host(manager);
  await setAvailability(docker, manager, 'drain');
  await until(`no container is left on ${manager}`, async () => (await containersOn([host])).length === 0, {
    timeoutMs: limitMs.emptied,
  });
  const folder = mkdtempSync(join(tmpdir(), 'shoal-drill-'));
  await host.sh(`(umask 077; head -c 24 /dev/urandom | base64 > ${files.passphrase})
    shoal backup --passphrase-file ${files.passphrase} ${files.backup}`);
  for (const file of Object.values(files)) await run('docker', ['cp', `${host.container}:${file}`, folder]);
  made.set(cluster, folder);
  return struckAt(() => cluster.lose(host), ['type=container', 'event=kill', `container=${host.container}`]);
}

/** A fresh host in its place, and there `shoal restore`. Resolves when hosts are told again what to do. */
export async function restoreManager({ manager }: DrillContext, cluster: Cluster): Promise<void> {
  const folder = made.get(cluster);
  // Broken off before anything was lost.
  if (folder === undefined) return;
  const host = cluster.host(manager);
  await cluster.rehost(host);
  for (const file of Object.values(files))
    await run('docker', ['cp', join(folder, file.slice('/root/'.length)), `${host.container}:${file}`]);
  await host.sh(
    `sh /root/release/install.sh restore --passphrase-file ${files.passphrase} ${files.backup} >&2
    rm ${files.backup} ${files.passphrase}`,
    { timeoutMs: 180_000 },
  );
  await settled(cluster);
  rmSync(folder, { recursive: true });
  made.delete(cluster);
}

const settled = ({ apiUrl }: Cluster): Promise<unknown> =>
  until(
    'the hosts follow the restored state',
    async (seen) => {
      const state = await httpJson<{ onHold: boolean }>(`${apiUrl}/shoal/v1/restore`);
      seen(state);
      return !state.onHold;
    },
    { timeoutMs: limitMs.settled },
  );
