import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@shoal/testbed';
import { afterEach, describe, expect, it } from 'vitest';
import { cli, clients, cluster, image, removeServices, running } from './shared.ts';

const found = await clients();

describe.each(found)('docker client $version', ({ path }) => {
  const docker = (...args: string[]) => cli(path, ...args);
  const ok = async (...args: string[]) => {
    const { code, out, err } = await docker(...args);
    expect({ code, err: code === 0 ? '' : err + out }).toEqual({ code: 0, err: '' });
    return out;
  };
  afterEach(() => removeServices('cli'));

  it('shows the cluster: version, info, node ls, node inspect', async () => {
    expect(await ok('version', '--format', '{{.Server.Platform.Name}} {{.Server.APIVersion}}')).toMatch(
      /^Shoal 1\.\d+/,
    );
    expect(
      await ok('info', '--format', '{{.Swarm.LocalNodeState}} {{.Swarm.Nodes}} {{.Swarm.Managers}}'),
    ).toBe('active 3 1\n');
    const nodes = await ok(
      'node',
      'ls',
      '--format',
      '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}',
    );
    expect(
      nodes
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean)
        .sort(),
    ).toEqual(['h1 Ready Active Leader', 'h2 Ready Active', 'h3 Ready Active']);
    expect(await ok('node', 'inspect', 'h2', '--format', '{{.Status.Addr}}')).toBe(
      `${cluster.host('h2').ip}\n`,
    );
  });

  it('tells what to run on a new host, and of the manager where others reach it', async () => {
    const manager = `${cluster.host('h1').ip}:2480`;
    const token = (await ok('swarm', 'join-token', '-q', 'worker')).trim();
    const words = await ok('swarm', 'join-token', 'worker');
    expect(words).toContain(`docker swarm join --token ${token} ${manager}\n`);
    expect(words).toContain(`    shoal join --token ${token} ${manager}`);
    expect(await ok('node', 'inspect', 'self', '--format', '{{.ManagerStatus.Addr}}')).toBe(`${manager}\n`);
    const joined = await docker('swarm', 'join', '--token', token, manager);
    expect([joined.code, joined.err]).toEqual([
      1,
      expect.stringContaining(`shoal join --token TOKEN ${manager}`),
    ]);
    const removed = await docker('node', 'rm', '--force', 'h1');
    expect([removed.code, removed.err]).toEqual([
      1,
      expect.stringMatching(/is a cluster manager and can't be removed/),
    ]);
  });

  it('creates a service and waits for it, lists, inspects, scales, updates and removes it', async () => {
    const created = await ok(
      'service',
      'create',
      '--name',
      'cli',
      '--replicas',
      '2',
      '--env',
      'COLOUR=red',
      image,
    );
    expect(created).toMatch(/overall progress: 2 out of 2 tasks/);
    expect(created).toMatch(/converged/);
    expect(await ok('service', 'ls', '--format', '{{.Name}} {{.Mode}} {{.Replicas}}')).toBe(
      'cli replicated 2/2\n',
    );
    expect(
      await ok('service', 'ps', 'cli', '--format', '{{.Name}} {{.DesiredState}} {{.CurrentState}}'),
    ).toMatch(/^cli\.\d Running Running/);
    expect(await ok('service', 'inspect', '--pretty', 'cli')).toMatch(/Env:\s+COLOUR=red/);
    expect(await ok('service', 'scale', 'cli=5')).toMatch(/5 out of 5 tasks/);
    expect(
      await ok(
        'service',
        'update',
        '--env-add',
        'COLOUR=blue',
        '--update-parallelism',
        '5',
        '--update-monitor',
        '1s',
        'cli',
      ),
    ).toMatch(/converged|completed|verify/);
    const tasks = await running('cli', 5);
    expect(tasks.map(({ Spec }) => (Spec.ContainerSpec as { Env?: string[] }).Env)).toEqual(
      Array(5).fill(['COLOUR=blue']),
    );
    expect(await ok('node', 'ps', 'h1', '--format', '{{.Name}}')).toMatch(/cli\./);
    expect(await ok('service', 'scale', '-d', 'cli=1')).toMatch(/scaled to 1/);
    await running('cli', 1);
    expect(await ok('service', 'rm', 'cli')).toBe('cli\n');
    expect((await docker('service', 'inspect', 'cli')).code).not.toBe(0);
  });

  it('says what is wrong, exits with an error and changes nothing', async () => {
    await ok('service', 'create', '-d', '--name', 'cli', image);
    const conflict = await docker('service', 'create', '-d', '--name', 'cli', image);
    expect(conflict.code).toBe(1);
    expect(conflict.err).toMatch(/name conflicts with an existing object: service cli already exists/);
    const unknown = await docker('service', 'inspect', 'nope');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringMatching(/no such service: nope/)]);
    const badConstraint = await docker('service', 'create', '-d', '--constraint', 'node.colour==red', image);
    expect([badConstraint.code, badConstraint.err]).toEqual([1, expect.stringMatching(/node\.colour/)]);
    const template = await docker('service', 'create', '-d', '--hostname', '{{.Node.Name}}', image);
    expect([template.code, template.err]).toEqual([
      1,
      expect.stringMatching(/ContainerSpec\.Hostname: there is no \.Node\.Name/),
    ]);
    expect(await ok('service', 'ls', '-q')).toMatch(/^\S+\n$/);
  });

  it('makes a network, shows who is on it, refuses to remove it while in use, and removes it', async () => {
    const options = ['--subnet', '10.99.0.0/24', '--ip-range', '10.99.0.128/25', '--gateway', '10.99.0.1'];
    const id = await ok(
      ...['network', 'create', '-d', 'overlay', ...options, '--attachable', '--label', 'team=cli'],
      ...['-o', 'com.docker.network.driver.mtu=1300', 'cli'],
    );
    try {
      expect(
        await ok('network', 'ls', '--filter', 'label=team=cli', '--format', '{{.Name}} {{.Driver}}'),
      ).toBe('cli overlay\n');
      await ok('service', 'create', '-d', '--name', 'cli', '--network', 'name=cli,alias=www', image);
      await running('cli', 1);
      const shown = JSON.parse(await ok('network', 'inspect', '--verbose', 'cli'))[0];
      expect(shown).toMatchObject({
        Id: id.trim(),
        Scope: 'swarm',
        Attachable: true,
        Internal: false,
        IPAM: { Config: [{ Subnet: '10.99.0.0/24', IPRange: '10.99.0.128/25', Gateway: '10.99.0.1' }] },
        Labels: { team: 'cli' },
        Services: { cli: { Tasks: [{ Name: expect.stringMatching(/^cli\.1\./) }] } },
      });
      expect(shown.Peers).toHaveLength(1);
      const refused = await docker('network', 'rm', 'cli');
      expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/in use.*cli/s)]);
    } finally {
      await removeServices('cli');
      expect(await ok('network', 'rm', 'cli')).toBe('cli\n');
    }
  });

  it('deploys a stack, deploys it again, and removes it with its network at once', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'shoal-stack-'));
    const file = join(dir, 'stack.yml');
    const stack = { version: '3.8', services: { cli: { image, networks: ['net'] } }, networks: { net: {} } };
    await writeFile(file, JSON.stringify(stack));
    try {
      const deploy = ['stack', 'deploy', '--prune', '-c', file, 'cli'];
      expect(await ok(...deploy)).toMatch(/Creating network cli_net\nCreating service cli_cli/);
      const before = await running('cli_cli', 1);
      expect(await ok(...deploy)).toMatch(/Updating service cli_cli/);
      expect(await running('cli_cli', 1)).toMatchObject(before.map(({ ID }) => ({ ID })));
      expect(await ok('stack', 'ls', '--format', '{{.Name}} {{.Services}}')).toBe('cli 1\n');
      expect(await ok('stack', 'services', 'cli', '--format', '{{.Name}} {{.Replicas}}')).toBe(
        'cli_cli 1/1\n',
      );
      expect(await ok('stack', 'ps', 'cli', '--format', '{{.Name}} {{.DesiredState}}')).toBe(
        'cli_cli.1 Running\n',
      );
      expect(await ok('stack', 'rm', 'cli')).toBe('Removing service cli_cli\nRemoving network cli_net\n');
      expect(await ok('stack', 'ls', '--format', '{{.Name}}')).toBe('');
      expect(await ok('network', 'ls', '-q', '--filter', 'name=cli_net')).toBe('');
    } finally {
      await removeServices('cli_cli');
      await docker('network', 'rm', 'cli_net');
      await rm(dir, { recursive: true });
    }
  });

  it('inspects whatever has the name, without its kind', async () => {
    const network = await ok('network', 'create', '-d', 'overlay', 'cli-net');
    try {
      await ok('service', 'create', '-d', '--name', 'cli', image);
      const [task] = await running('cli', 1);
      const shown = async (name: string, format: string) => (await ok('inspect', '-f', format, name)).trim();
      expect(await shown('cli', '{{.Spec.Name}}')).toBe('cli');
      expect(await shown('cli-net', '{{.Id}}')).toBe(network.trim());
      expect(await shown('h2', '{{.Description.Hostname}}')).toBe('h2');
      expect(await shown(task?.ID ?? '', '{{.ID}}')).toBe(task?.ID);
      expect(await docker('inspect', 'nope')).toMatchObject({
        code: 1,
        err: expect.stringMatching(/no such object: nope/i),
      });
    } finally {
      await removeServices('cli');
      await ok('network', 'rm', 'cli-net');
    }
  });

  it('asks in passing for kinds of which the cluster has none', async () => {
    expect(await ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}')).toMatch(/^Images 0\n/);
    expect(await ok('container', 'prune', '-f')).toMatch(/0\s?B/);
    await ok('service', 'create', '-d', '--name', 'cli', image);
    const events = ['events', '--since', '1m', '--until', '0s', '--filter', 'service=cli'];
    expect(await ok(...events, '--format', '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}')).toMatch(
      /^service create cli\n/m,
    );
    const secret = await docker('service', 'create', '-d', '--name', 'cli', '--secret', 'key', image);
    expect([secret.code, secret.err]).toEqual([1, expect.stringMatching(/secret not found: key/)]);
  });

  it('drains a node, which moves its tasks, and lets it take part again', async () => {
    await ok('service', 'create', '-d', '--name', 'cli', '--replicas', '3', image);
    await running('cli', 3);
    await ok('node', 'update', '--availability', 'drain', 'h3');
    try {
      const { out } = await docker('node', 'inspect', 'h3', '--format', '{{.ID}} {{.Spec.Availability}}');
      const [h3, availability] = out.trim().split(' ');
      expect(availability).toBe('drain');
      await until(
        'no task is left on h3',
        async () => (await running('cli', 3)).every(({ NodeID }) => NodeID !== h3),
        { timeoutMs: 30_000 },
      );
    } finally {
      await ok('node', 'update', '--availability', 'active', 'h3');
    }
    await ok('node', 'update', '--label-add', 'zone=a', 'h3');
    expect(await ok('node', 'inspect', 'h3', '--format', '{{.Spec.Labels.zone}}')).toBe('a\n');
    await ok('node', 'update', '--label-rm', 'zone', 'h3');
  });
});

it('has at least one docker client to test with', () => {
  expect(found.length).toBeGreaterThan(0);
});
