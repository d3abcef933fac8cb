import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
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

const found = await clients();
const env = { ...process.env, DOCKER_HOST: `tcp://127.0.0.1:${cluster.options.apiPort}` };
const patient = { timeoutMs: 60_000 };

interface Said {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: string;
  readonly timeNano: number;
}

/** What a docker client hears from now on. */
class Listener {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;

  constructor(path: string, ...args: string[]) {
    this.#process = spawn(path, ['events', '--format', '{{json .}}', ...args], { env });
    if (this.#process.stdout)
      createInterface(this.#process.stdout).on('line', (line) => void this.lines.push(line));
  }

  get said(): Said[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  end(): void {
    this.#process.kill();
  }
}

const short = ({ Type, Action, Actor }: Said) => `${Type} ${Action} ${Actor.Attributes.name?.split('.')[0]}`;
const count = (all: readonly Said[], what: string) => all.filter((one) => short(one) === what).length;
/** What has happened since, without those that one can't know the number of. */
const since = async (at: number, ...args: string[]): Promise<Said[]> => {
  const now = ['--until', String(Date.now() / 1_000 + 0.2)];
  const { code, out, err } = await cli(
    found[0]?.path ?? 'docker',
    ...['events', '--format', '{{json .}}', '--since', String(at), ...now, ...args],
  );
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
};

let begin = 0;
const listeners: Listener[] = [];
beforeAll(async () => {
  begin = Math.floor(Date.now() / 1_000);
  for (const { path } of found) listeners.push(new Listener(path));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
});
afterAll(async () => {
  for (const listener of listeners) listener.end();
  await removeServices();
});

describe('docker events', () => {
  it('tells of containers of all hosts, of services and networks, to every client alike', async () => {
    await docker.createNetwork({ Name: 'told', Driver: 'overlay', CheckDuplicate: true });
    await create(webSpec('told', { replicas: 3 }));
    const hosts = new Set((await running('told', 3)).map(({ NodeID }) => NodeID));
    expect(hosts.size).toBe(3);
    await removeServices('told');
    await docker.getNetwork('told').remove();
    for (const listener of listeners)
      await until(
        'all is told',
        async (seen) => {
          seen(listener.lines);
          return count(listener.said, 'container destroy told') === 3;
        },
        patient,
      );
    for (const listener of listeners) {
      const { said } = listener;
      for (const action of ['create', 'start', 'die', 'destroy'])
        expect([action, count(said, `container ${action} told`)]).toEqual([action, 3]);
      for (const line of [
        'service create told',
        'service remove told',
        'network create told',
        'network remove told',
      ])
        expect([line, count(said, line)]).toEqual([line, 1]);
      // A second signal follows where one does not end in time.
      const killed = said.filter((one) => short(one) === 'container kill told');
      expect(new Set(killed.map(({ Actor }) => Actor.ID)).size).toBe(3);
      const nodes = said.flatMap(({ Type, Actor }) =>
        Type === 'container' ? (Actor.Attributes['com.docker.swarm.node.id'] ?? []) : [],
      );
      expect(new Set(nodes)).toEqual(hosts);
    }
  });

  it('finds them by what docker filters by', async () => {
    const h2 = await nodeNamed('h2');
    const ofH2 = await since(
      begin,
      '--filter',
      'type=container',
      '--filter',
      'node=h2',
      '--filter',
      'event=start',
    );
    expect(ofH2.map(({ Actor }) => Actor.Attributes['com.docker.swarm.node.id'])).toContain(h2.ID);
    expect(new Set(ofH2.map(short))).toEqual(new Set(['container start told']));
    const ofImage = await since(
      begin,
      '--filter',
      `image=${cluster.image('web:1')}`,
      '--filter',
      'event=die',
    );
    expect(ofImage.filter((one) => short(one) === 'container die told')).toHaveLength(3);
    const ofLabel = await since(
      begin,
      '--filter',
      'label=com.docker.swarm.service.name=told',
      '--filter',
      'event=kill',
    );
    expect(new Set(ofLabel.map(({ Actor }) => Actor.ID)).size).toBe(3);
    expect(await since(begin, '--filter', 'scope=swarm', '--filter', 'container=told.1')).toEqual([]);
    for (const { path } of found) {
      const { code, err } = await cli(path, 'events', '--since', String(begin), '--filter', 'nonsense=1');
      expect(code).not.toBe(0);
      expect(err).toMatch(/invalid filter 'nonsense'/);
    }
  });

  it('leaves nothing out and says nothing twice around a restart of the manager and of an agent', async () => {
    const from = Date.now() / 1_000;
    await create(webSpec('told', { replicas: 2 }));
    await running('told', 2);
    const h1 = cluster.host('h1');
    await faults.killProcess(h1, 'manager', { hold: true });
    // While nobody listens to the agents, a container dies on each host, and is started again there.
    const died = await Promise.all(
      cluster.hosts.map(async (host) => {
        const containers = await host.docker().listContainers({
          filters: JSON.stringify({ label: ['com.docker.swarm.service.name=told'] }),
        });
        await Promise.all(containers.map(({ Id }) => host.docker().getContainer(Id).kill()));
        return containers.map(({ Id }) => Id);
      }),
    );
    expect(died.flat()).toHaveLength(2);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // One of the agents starts anew meanwhile, and has only what its daemon remembers.
    await faults.killProcess(cluster.host('h2'), 'agent');
    await faults.resume(h1, 'manager');
    await running('told', 2);
    const all = await until(
      'what happened meanwhile is told',
      async (seen) => {
        const said = await since(from, '--filter', 'type=container').catch(() => []);
        seen(said.map(short));
        return (
          died.flat().every((id) => said.some(({ Action, Actor }) => Action === 'die' && Actor.ID === id)) &&
          said
        );
      },
      patient,
    );
    const lines = all.map(({ Action, Actor, timeNano }) => `${Action} ${Actor.ID} ${timeNano}`);
    expect(new Set(lines).size).toBe(lines.length);
    for (const id of died.flat()) {
      const own = all.filter(({ Actor }) => Actor.ID === id).map(({ Action }) => Action);
      expect([id, own.slice(0, 4)]).toEqual([id, ['create', 'start', 'kill', 'die']]);
      expect(own.filter((action) => action === 'create')).toHaveLength(1);
    }
    const times = all.map(({ timeNano }) => timeNano);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // A client that was cut off asks from the last event that it has seen on.
    const [, second] = all;
    const rest = await since((second?.timeNano ?? 0) / 1e9, '--filter', 'type=container');
    expect(rest.length).toBeGreaterThanOrEqual(all.length - 3);
  });
});
