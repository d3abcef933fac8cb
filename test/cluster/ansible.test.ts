import { join } from 'node:path';
import {
  type Host,
  removePlainHost,
  run,
  startControlHost,
  startPlainHost,
  tryRun,
  until,
} from '@shoal/testbed';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeArchives } from '../../scripts/archive.ts';
import { cluster, image } from './shared.ts';

/** Hosts with Docker and sshd and nothing else, and one more with Debian's Ansible, which does the rest over SSH. */
let hosts: readonly Host[] = [];
let control: Host;
const names = ['a1', 'a2', 'a3'] as const;
/** Newer systemd takes no control groups of version 1. */
const kinds = {
  a1: { init: 'systemd', suite: 'bookworm' },
  a2: { init: 'supervisor', suite: 'trixie' },
  a3: { init: 'systemd', suite: 'bookworm' },
} as const;
/** Who is root by sudo. */
const user = 'ops';
const root = join(import.meta.dirname, '../..');

beforeAll(async () => {
  const [archive = ''] = await makeArchives([process.arch], () => undefined);
  const [like] = cluster.hosts;
  hosts = await Promise.all(
    names.map((name, i) => startPlainHost(like, { name, last: 33 + i, ssh: true, ...kinds[name] })),
  );
  control = await startControlHost(like, { name: 'control', last: 36, reaches: hosts, as: user });
  const into = (path: string) => `${control.container}:${path}`;
  await run('docker', ['cp', join(root, 'deploy/ansible'), into('/root/ansible')]);
  await run('docker', ['cp', join(root, 'test/cluster/ansible/modules.yml'), into('/root/ansible/')]);
  const [manager = '', ...workers] = hosts.map(({ name, ip }) => `${name}: {ansible_host: ${ip}}`);
  const inventory = [
    `shoal_manager: {hosts: {${manager}}}`,
    `shoal_workers: {hosts: {${workers.join(', ')}}}`,
    `all: {vars: {ansible_user: ${user}, shoal_archives: /root/archives}}`,
  ].join('\n');
  await control.exec([
    'sh',
    '-ec',
    'mkdir /root/archives; echo "$1" > /root/ansible/inventory.yml',
    'sh',
    inventory,
  ]);
  await run('docker', ['cp', archive, into('/root/archives/')]);
}, 600_000);

afterAll(async () => {
  await Promise.all([...hosts, control].map((host) => host && removePlainHost(host)));
}, 60_000);

interface Played {
  readonly code: number;
  readonly output: string;
  /** By host, as the recap counts: tasks that changed something, and tasks that failed. */
  readonly changed: Readonly<Record<string, number>>;
}

async function play(...words: string[]): Promise<Played> {
  const { code, stdout, stderr } = await tryRun(
    'docker',
    ['exec', '--workdir', '/root/ansible', control.container, 'ansible-playbook', ...words],
    { timeoutMs: 600_000 },
  );
  const recap = [...stdout.matchAll(/^(\w+) +: ok=\d+ +changed=(\d+)/gm)];
  return {
    code,
    output: stdout + stderr,
    changed: Object.fromEntries(recap.map(([, host = '', changed]) => [host, Number(changed)])),
  };
}

const succeeds = async (...words: string[]): Promise<Played> => {
  const played = await play(...words);
  expect(played.code, played.output).toBe(0);
  return played;
};

const changesNothing = async (...words: string[]): Promise<void> => {
  const { changed, output } = await succeeds(...words);
  expect(Object.keys(changed).length, output).toBeGreaterThan(0);
  expect(
    Object.values(changed).every((count) => count === 0),
    output,
  ).toBe(true);
};

/** On the manager's host, against the cluster. */
const docker = (words: string): Promise<string> => (hosts[0] as Host).sh(`docker --context shoal ${words}`);

const nodes = async (): Promise<string[]> =>
  (await docker("node ls --format '{{.Hostname}} {{.Status}} {{.Availability}}'")).trim().split('\n').sort();

it('site.yml makes all hosts one cluster, and nothing the second time; nobody sees the token', async () => {
  const { output } = await succeeds('site.yml', '-vvv');
  expect(await nodes()).toEqual(names.map((name) => `${name} Ready Active`));
  const token = (await docker('swarm join-token -q worker')).trim();
  expect(output).not.toContain(token.split('-').at(-1));
  await changesNothing('site.yml');
}, 600_000);

it('what is not meant so is refused in a sentence', async () => {
  const refused = async (says: RegExp, ...words: string[]) => {
    const { code, output } = await play(...words);
    expect([code, output.replace(/\s+/g, ' ')]).toEqual([2, expect.stringMatching(says)]);
  };
  await refused(/There is no variable shoal_instal_docker\./, 'site.yml', '-e', 'shoal_instal_docker=true');
  await refused(/needs one archive .* There is none\./, 'upgrade.yml', '-e', 'shoal_archives=/nowhere');
  await refused(/Say which hosts are to leave the cluster/, 'leave.yml');
  await refused(/a1 is the manager's host: the cluster ends with it/, 'leave.yml', '--limit', 'a1');
}, 600_000);

it("Ansible's own modules for Docker make, change and remove, and change nothing the second time", async () => {
  await succeeds('modules.yml', '-e', `image=${image}`);
  await succeeds('web.yml', '-e', `image=${image}`, '-e', 'replicas=3');
}, 600_000);

it('upgrade.yml brings all hosts to another release, one after the other, and nothing the second time', async () => {
  await control.sh(`
    mkdir /root/next /root/unpacked
    tar -xzf /root/archives/*.tar.gz -C /root/unpacked --strip-components=1
    echo 9.9.9-next > /root/unpacked/version
    tar -C /root -I 'gzip -1' -cf /root/next/shoal-9.9.9-next-linux-${process.arch}.tar.gz unpacked
  `);
  const words = ['upgrade.yml', '-e', 'shoal_archives=/root/next'];
  const { changed } = await succeeds(...words);
  // The release, drained, upgraded, active again.
  expect(changed).toEqual({ a1: 4, a2: 4, a3: 4 });
  for (const host of hosts)
    expect(await host.sh('readlink /opt/shoal/current')).toBe('releases/9.9.9-next\n');
  expect(await nodes()).toEqual(names.map((name) => `${name} Ready Active`));
  await changesNothing(...words);
}, 600_000);

it('leave.yml takes a host out when its tasks are elsewhere, and nothing the second time', async () => {
  await succeeds('leave.yml', '--limit', 'a3');
  expect(await nodes()).toEqual(['a1 Ready Active', 'a2 Ready Active']);
  await changesNothing('leave.yml', '--limit', 'a3');
  await until(
    'the service is complete again',
    async () => (await docker("service ls --format '{{.Replicas}}'")).trim() === '3/3',
    { timeoutMs: 30_000 },
  );
}, 600_000);
