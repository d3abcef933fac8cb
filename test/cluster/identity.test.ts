/** Certificates, join tokens and the root, on real hosts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { faults, httpJson, until } from '@shoal/testbed';
import { afterAll, expect, it } from 'vitest';
import {
  cli,
  clients,
  cluster,
  create,
  docker,
  lives,
  nodeNamed,
  removeServices,
  running,
  startAnew,
  webSpec,
} from './shared.ts';

const [h1, h2, h3] = cluster.hosts;
const [client] = await clients();
const files = '/var/lib/shoal';

afterAll(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await removeServices('steady');
});

interface Swarm {
  readonly TLSInfo: { readonly TrustRoot: string };
  readonly RootRotationInProgress: boolean;
  readonly JoinTokens: { readonly Worker: string };
}
const swarm = () => httpJson<Swarm>(`${cluster.apiUrl}/swarm`);
/** Of all hosts, those of earlier tests included. */
const verdicts = () =>
  Promise.all(
    cluster.hosts.map(async ({ name }) => {
      const { ID } = await nodeNamed(name);
      return (await httpJson<{ verdicts: unknown[] }>(`${cluster.apiUrl}/shoal/v1/nodes/${ID}/liveness`))
        .verdicts;
    }),
  );
const ok = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await cli(client?.path ?? 'docker', ...args);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return out;
};

it('keys lie on the hosts for their owner alone, and neither they nor tokens are in the state or in process lists', async () => {
  const modes = (paths: string) => `stat -c '%a %n' ${paths}`;
  expect(await h2.sh(modes(`${files}/agent ${files}/agent/identity.json`))).toBe(
    `700 ${files}/agent\n600 ${files}/agent/identity.json\n`,
  );
  expect(await h1.sh(modes(`${files}/manager ${files}/manager/sealing.key`))).toBe(
    `700 ${files}/manager\n600 ${files}/manager/sealing.key\n`,
  );
  const secret = (await swarm()).JoinTokens.Worker.split('-').at(-1) ?? '';
  const count = (what: string, where: string) =>
    h1.sh(`cat ${where} | grep -a -c -e '${what}' || true`).then((text) => text.trim());
  const state = `${files}/manager/state.sqlite*`;
  expect(await count('BEGIN CERTIFICATE', state)).not.toBe('0');
  for (const what of ['PRIVATE KEY', secret]) {
    expect([what, await count(what, state)]).toEqual([what, '0']);
    expect([what, await count(what, '/var/log/shoal/*.log')]).toEqual([what, '0']);
  }
  // The shell that looks has the word itself in its command line.
  const args = await h2.sh('for p in /proc/[0-9]*/cmdline; do tr "\\0" " " < $p 2>/dev/null; echo; done');
  expect(args).toContain('--join-token-file');
  expect(args).not.toContain(secret);
});

it('a new root takes over under load: no host is down, no task touched, and the former root is gone from all', async () => {
  await create(webSpec('steady', { replicas: 6 }));
  await running('steady', 6);
  const containers = await lives('steady');
  const verdictsBefore = await verdicts();
  const before = await swarm();
  // It waits until all nodes have come along.
  await ok('swarm', 'ca', '--rotate', '--quiet');
  const after = await swarm();
  expect(after.RootRotationInProgress).toBe(false);
  expect(after.TLSInfo.TrustRoot).not.toBe(before.TLSInfo.TrustRoot);
  expect(await ok('swarm', 'ca')).toContain(after.TLSInfo.TrustRoot.trim());
  for (const host of [h1, h2, h3])
    await until(
      `${host.name} trusts the new root alone`,
      async () => {
        const { roots } = JSON.parse(await host.sh(`cat ${files}/agent/identity.json`));
        return roots === after.TLSInfo.TrustRoot;
      },
      { timeoutMs: 20_000 },
    );
  expect(await lives('steady')).toEqual(containers);
  expect(await verdicts()).toEqual(verdictsBefore);
  // They prove themselves with what they have now.
  await faults.killProcess(h1, 'manager');
  await faults.killProcess(h2, 'agent');
  await cluster.waitReady();
  expect(await lives('steady')).toEqual(containers);
});

it('a node that is removed is shut out at once, and its host joins anew with an empty state directory and the new token, without what it ran before', async () => {
  const before = await nodeNamed('h3');
  const left = () => h3.sh(`docker ps -aq --filter label=shoal.node.id=${before.ID}`);
  expect(await left()).not.toBe('');
  const { JoinTokens: old } = await swarm();
  await ok('swarm', 'join-token', '--rotate', '--quiet', 'worker');
  const { JoinTokens } = await swarm();
  expect(JoinTokens.Worker).not.toBe(old.Worker);
  await ok('node', 'rm', '--force', 'h3');
  await until(
    'its agent is refused',
    async () => (await h3.log('agent')).includes('was removed from the cluster'),
    {
      timeoutMs: 10_000,
    },
  );
  await sleep(1_000);
  expect((await docker.listNodes()).map(({ Description }) => Description?.Hostname).sort()).toEqual([
    'h1',
    'h2',
  ]);

  await startAnew(h3, old.Worker);
  await until(
    'the token of before is refused',
    async () => (await h3.log('agent')).includes('join token is not valid'),
    { timeoutMs: 20_000 },
  );
  await startAnew(h3, JoinTokens.Worker);
  await cluster.waitReady();
  expect((await nodeNamed('h3')).ID).not.toBe(before.ID);
  await until('nothing of the former node is left', async () => (await left()) === '', { timeoutMs: 40_000 });
  await running('steady', 6);
});
