import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Host, Load, removePlainHost, run, startPlainHost, tryRun, until } from '@shoal/testbed';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeArchives } from '../../scripts/archive.ts';
import { cluster, image } from './shared.ts';

/** The manager's, one that serves, and one that takes the manager's place. */
let manager: Host;
let worker: Host;
let spare: Host;
const folder = mkdtempSync(join(tmpdir(), 'shoal-restore-'));

const file = '/root/shoal.backup';
const key = '/root/passphrase';
const port = 18_097;

const on = async (host: Host, script: string) => {
  const { code, stdout, stderr } = await tryRun('docker', ['exec', host.container, 'sh', '-ec', script], {
    timeoutMs: 120_000,
  });
  return { code, stdout, stderr };
};
const done = async (host: Host, script: string): Promise<string> => {
  const { code, stdout, stderr } = await on(host, script);
  expect({ script, code, stderr: code === 0 ? '' : stderr }).toEqual({ script, code: 0, stderr: '' });
  return stdout;
};
const create = (name: string, rest: string) =>
  done(
    manager,
    `docker --context shoal service create --name ${name} --replicas 2 --constraint node.hostname==r2 --detach=false --quiet ${rest} ${image}`,
  );
const lives = async (service: string): Promise<string[]> =>
  (
    await done(
      worker,
      `docker ps -q --no-trunc --filter label=com.docker.swarm.service.name=${service} | sort | xargs -r docker inspect --format '{{.Id}} {{.State.StartedAt}}'`,
    )
  )
    .split('\n')
    .filter(Boolean);

beforeAll(async () => {
  const [archive = ''] = await makeArchives([process.arch], () => undefined);
  const [like] = cluster.hosts;
  [manager, worker, spare] = await Promise.all([
    startPlainHost(like, { name: 'r1', last: 33, init: 'supervisor', suite: 'bookworm' }),
    startPlainHost(like, { name: 'r2', last: 34, init: 'supervisor', suite: 'bookworm' }),
    startPlainHost(like, { name: 'r3', last: 35, init: 'supervisor', suite: 'bookworm' }),
  ]);
  for (const host of [manager, worker, spare]) {
    await run('docker', ['cp', archive, `${host.container}:/root/shoal.tar.gz`]);
    await host.sh('mkdir /root/shoal && tar -xzf /root/shoal.tar.gz -C /root/shoal --strip-components=1');
  }
}, 300_000);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  for (const host of [manager, worker, spare]) if (host) await removePlainHost(host).catch(() => undefined);
}, 60_000);

it('a cluster whose manager is lost goes on elsewhere from a backup: no request is lost, no container touched', async () => {
  const init = await done(manager, 'sh /root/shoal/install.sh init');
  const words = /shoal (join --token \S+ \S+)/.exec(init)?.[1] ?? '';
  await done(worker, `sh /root/shoal/install.sh ${words}`);
  await create('web', `--publish ${port}:8080`);
  await done(
    manager,
    `(umask 077; echo the passphrase > ${key}); shoal backup --passphrase-file ${key} ${file}`,
  );
  expect(await done(manager, `stat -c %a ${file}`)).toBe('600\n');
  expect(await done(manager, 'shoal audit')).toContain('/shoal/v1/backup');
  for (const path of [file, key]) {
    await run('docker', ['cp', `${manager.container}:${path}`, folder]);
    await run('docker', ['cp', join(folder, basename(path)), `${spare.container}:${path}`]);
  }
  // What the backup does not know.
  await create('shop', '');
  const [web, shop] = [await lives('web'), await lives('shop')];
  expect([web.length, shop.length]).toEqual([2, 2]);

  const load = Load.start({
    target: () => `http://${worker.ip}:${port}/`,
    concurrency: 4,
    ratePerSecond: 20,
    timeoutMs: 5_000,
    maxMs: 300_000,
  });
  try {
    await removePlainHost(manager);
    const wrong = await on(
      spare,
      `echo another > /root/wrong; sh /root/shoal/install.sh restore --passphrase-file /root/wrong ${file}`,
    );
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/passphrase is not the one/) });
    expect((await on(spare, 'ls /var/lib/shoal')).code).not.toBe(0);

    const restored = await done(spare, `shoal restore --passphrase-file ${key} ${file}`);
    expect(restored).toMatch(/it is on hold.*not heard of yet: r2.*shoal join [\d.]+/s);
    await done(worker, `shoal join ${spare.ip}`);
    await until(
      'the manager has heard what runs',
      async (seen) => {
        const { stdout } = await on(spare, 'shoal status');
        seen(stdout);
        return /on hold.*does not know, and would stop: shop, 2 tasks on r2/s.test(stdout);
      },
      { timeoutMs: 60_000 },
    );
    expect([await lives('web'), await lives('shop')]).toEqual([web, shop]);

    await done(spare, 'shoal restore --finish');
    await until('what the backup does not know is gone', async () => (await lives('shop')).length === 0, {
      timeoutMs: 60_000,
    });
    expect(await done(spare, 'docker --context shoal service ls --format "{{.Name}} {{.Replicas}}"')).toBe(
      'web 2/2\n',
    );
    expect(await lives('web')).toEqual(web);
  } finally {
    const { ok, failures } = await load.stop();
    expect({ failures, answered: ok > 0 }).toEqual({ failures: [], answered: true });
  }
}, 300_000);
