import { spawn } from 'node:child_process';
import { faults, until } from '@shoal/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cli,
  clients,
  cluster,
  create,
  docker,
  nodeNamed,
  removeServices,
  running,
  webSpec,
} from './shared.ts';

/** Says five things, one after the other, and stays. */
const script = `process.on('SIGTERM', () => process.exit());
  for (let i = 1; i <= 5; i++) setTimeout(() => console[i === 5 ? 'error' : 'log']('line ' + i), i * 100);
  setInterval(() => undefined, 1000);`;
const container = { Command: ['node', '-e', script] };
const patient = { timeoutMs: 30_000 };
const found = await clients();
const lines = (text: string) => text.split(/\r?\n/).filter(Boolean);

beforeAll(async () => {
  await create(webSpec('logs', { replicas: 3, container }));
  await create(webSpec('logs-tty', { replicas: 1, container: { ...container, TTY: true } }));
  await running('logs', 3);
  await running('logs-tty', 1);
  await until(
    'all has been said',
    async (seen) => {
      const [client = { path: 'docker' }] = found;
      const said = await Promise.all(
        ['logs', 'logs-tty'].map(async (name) =>
          lines((await cli(client.path, 'service', 'logs', '--raw', name)).out),
        ),
      );
      seen(said);
      return said[0]?.length === 12 && said[1]?.length === 5;
    },
    patient,
  );
});
afterAll(() => removeServices());

describe.each(found)('docker client $version shows logs', ({ path }) => {
  const logs = async (...args: string[]) => {
    const { code, out, err } = await cli(path, 'service', 'logs', ...args);
    expect({ args, code, err: code === 0 ? '' : err }).toEqual({ args, code: 0, err: '' });
    return { out: lines(out), err: lines(err) };
  };

  it('of all tasks of a service, each line with its task and host, in order of time', async () => {
    const { out, err } = await logs('--timestamps', 'logs');
    expect([out.length, err.length]).toEqual([12, 3]);
    for (const line of out) expect(line).toMatch(/^\S+Z logs\.[123]\.\w+@h[123] +\| line [1-4]$/);
    for (const line of err) expect(line).toMatch(/^\S+Z logs\.[123]\.\w+@h[123] +\| line 5$/);
    expect(new Set(out.map((line) => /@(h\d)/.exec(line)?.[1])).size).toBe(3);
    const times = out.map((line) => line.split(' ')[0]);
    expect(times).toEqual(times.toSorted());
  });

  it('of one task; the last lines; since a time; bare', async () => {
    const [task] = await running('logs', 3);
    expect((await logs('--no-trunc', task?.ID ?? '')).out).toHaveLength(4);
    const { out, err } = await logs('--tail', '2', 'logs');
    expect([...out, ...err].map((line) => line.split('| ')[1]).sort()).toEqual(
      ['line 4', 'line 5'].flatMap((line) => [line, line, line]),
    );
    expect((await logs('--since', '1h', 'logs')).out).toHaveLength(12);
    expect((await logs('--since', '2099-01-01T00:00:00Z', 'logs')).out).toEqual([]);
    expect((await logs('--raw', 'logs')).out.sort()).toEqual(
      [1, 2, 3, 4].flatMap((i) => [`line ${i}`, `line ${i}`, `line ${i}`]),
    );
  });

  it('of what has a TTY, bare', async () => {
    expect((await logs('--raw', 'logs-tty')).out).toEqual([1, 2, 3, 4, 5].map((i) => `line ${i}`));
    const { code, err } = await cli(path, 'service', 'logs', 'logs-tty');
    expect([code, err]).toEqual([1, expect.stringMatching(/only supported with --raw/)]);
  });

  it('as they come, of a task that starts meanwhile too', async () => {
    const client = spawn(path, ['service', 'logs', '--follow', 'logs'], {
      env: { ...process.env, DOCKER_HOST: `tcp://127.0.0.1:${cluster.options.apiPort}` },
    });
    let said = '';
    client.stdout.on('data', (chunk) => {
      said += chunk;
    });
    const ofSlot = (slot: number) => lines(said).filter((line) => line.startsWith(`logs.${slot}.`)).length;
    const scale = async (Replicas: number) => {
      const service = docker.getService('logs');
      const { Version, Spec } = await service.inspect();
      await service.update({ ...Spec, version: Version.Index, Mode: { Replicated: { Replicas } } });
      return running('logs', Replicas);
    };
    try {
      await until(
        'the lines there are have come',
        async () => [1, 2, 3].every((slot) => ofSlot(slot) === 4),
        patient,
      );
      await scale(4);
      await until(
        'those of the new task have come',
        async (seen) => {
          seen(said);
          return ofSlot(4) === 4;
        },
        patient,
      );
      expect([1, 2, 3].map(ofSlot)).toEqual([4, 4, 4]);
      expect(client.exitCode).toBe(null);
    } finally {
      client.kill();
      await scale(3);
    }
    // Without the containers of the task that was too many, for who comes next.
    await until(
      'only three tasks have logs',
      async () => (await logs('--raw', 'logs')).out.length === 12,
      patient,
    );
  });
});

it('names a host whose agent does not answer, and shows the lines of the others', async () => {
  const h3 = cluster.host('h3');
  await faults.freeze(h3, 'agent');
  try {
    for (const { path } of found) {
      const { code, out, err } = await cli(path, 'service', 'logs', 'logs');
      expect([code, lines(out).length]).toEqual([0, 8]);
      expect(lines(err).filter((line) => line.includes('shoal:'))).toEqual([
        expect.stringMatching(/@h3 +\| shoal: logs of host h3 are missing: the node /),
      ]);
    }
  } finally {
    await faults.thaw(h3, 'agent');
  }
  await until(
    'h3 is back',
    async () => {
      const { Status } = (await nodeNamed('h3')) as unknown as { Status: { State: string } };
      return Status.State === 'ready';
    },
    patient,
  );
  await running('logs', 3);
});
