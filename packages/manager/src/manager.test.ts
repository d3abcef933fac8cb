import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { anAgent, clusterId, nodeId, sealing, sealingKey, trust } from './agents/testing.ts';
import { eventually } from './eventually.fixture.ts';
import { alone } from './leadership/index.ts';
import { Manager } from './manager.ts';
import type { Cluster, Service } from './model/index.ts';
import { Disk, type Fate } from './store/backends/unreliable.fixture.ts';
import { type Backend, Store } from './store/index.ts';
import { TestStore } from './store/testing.ts';
import { aCluster, aNode } from './testing.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address && typeof address === 'object' ? address.port : 0));
    });
  });

function aStateDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-manager-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'sealing.key'), sealingKey.toString('base64'), { mode: 0o600 });
  return folder;
}

type Open = () => Promise<Backend>;

/** A manager on a disk of which a test says what its commits do: `next` the next one, `fate` the others. */
async function aManager(
  follow: (open: Open, tries: number) => Promise<Backend> = (open) => open(),
  change: Partial<Cluster> = {},
) {
  const disk = Object.assign(new Disk(), {
    next: undefined as Fate | undefined,
    fate: (): Fate => 'done',
  });
  const decide = (): Fate => {
    const fate = disk.next ?? disk.fate();
    disk.next = undefined;
    return fate;
  };
  // Of which the agents have certificates.
  const before = await TestStore.open(disk.open(decide), Date.now);
  await before.update((tx) => {
    tx.clusters.create(aCluster({ ID: clusterId, trust, sealing, ...change }));
    tx.nodes.create(aNode(nodeId));
  });
  const port = await freePort();
  const said: string[] = [];
  let tries = 0;
  const manager = await Manager.start({
    stateDir: aStateDir(),
    api: ['http://127.0.0.1:0'],
    tls: {},
    tlsNames: [],
    agentListen: `127.0.0.1:${port}`,
    log: pino({ level: 'error' }, { write: (line: string) => void said.push(JSON.parse(line).msg) }),
    follow: () => follow(async () => disk.open(decide), ++tries),
  });
  closers.push(() => manager.close());
  const [url] = manager.addresses;
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
    return { status: answer.status, body: JSON.parse((await answer.text()) || 'null') };
  };
  const create = (name: string) =>
    ask('POST', '/services/create', { Name: name, TaskTemplate: { ContainerSpec: { Image: 'web:1' } } });
  const services = async () =>
    ((await ask('GET', '/services')).body as Service[]).map(({ Spec }) => Spec.Name).sort();
  const leads = () => eventually(async () => expect((await ask('GET', '/nodes')).status).toBe(200));
  return { manager, disk, port, said, ask, create, services, leads };
}

type Agent = ReturnType<typeof anAgent>;
async function joined(port: number): Promise<Agent> {
  const agent = anAgent(port);
  agent.hello();
  await eventually(() => expect(agent.sets().length).toBeGreaterThan(0));
  return agent;
}
const termOf = ({ received }: Agent): number => {
  const [first] = received;
  return first?.$case === 'welcome' ? first.value.term : 0;
};
const beatsOf = ({ received }: Agent) => received.filter(({ $case }) => $case === 'beat').length;

describe('a manager whose commit ends without a certain answer', () => {
  it.each([
    ['lost, written', /not known, look before you repeat it/, ['web']],
    ['lost, not written', /not known, look before you repeat it/, []],
    ['breaks', /not known, look before you repeat it/, ['web']],
    ['fenced', /nothing was changed, try again/, []],
  ] as const)(
    '(%s) says so, and leads again with what is on the disk and a higher term',
    async (fate, words, left) => {
      const { disk, port, create, services, leads } = await aManager();
      const before = await joined(port);
      disk.next = fate;
      expect(await create('web')).toEqual({ status: 503, body: { message: expect.stringMatching(words) } });
      await leads();
      expect(await services()).toEqual(left);
      await before.ended;
      expect(termOf(await joined(port))).toBeGreaterThan(termOf(before));
      expect((await create('db')).status).toBe(201);
      expect(disk.late).toBe(0);
    },
  );

  it('answers no beat from then on, and no request but to say why, until it leads again', async () => {
    const mayLead: (() => void)[] = [];
    const { disk, port, create, ask, leads, ...rest } = await aManager((open, tries) =>
      tries === 1 ? open() : new Promise((resolve) => mayLead.push(() => resolve(open()))),
    );
    const agent = await joined(port);
    agent.send({ $case: 'beat', value: { number: 1, beatMs: 500 } });
    await eventually(() => expect(beatsOf(agent)).toBe(1));
    // Another leads now, and this one does not know it yet.
    disk.open(() => 'done');
    const refused = create('web');
    for (let number = 2; number < 50; number++) agent.send({ $case: 'beat', value: { number, beatMs: 500 } });
    expect((await refused).body.message).toMatch(/nothing was changed/);
    await agent.ended;
    const answered = beatsOf(agent);
    expect(await ask('GET', '/services')).toEqual({
      status: 503,
      body: { message: expect.stringMatching(/does not lead at the moment.*try again/) },
    });
    expect(await anAgent(port).ended).toMatch(/UNAVAILABLE/);
    expect(rest.said).toContainEqual(expect.stringMatching(/leading no more.*loading the state again/));
    for (const lead of mayLead) lead();
    await leads();
    expect(beatsOf(agent)).toBe(answered);
    expect(termOf(await joined(port))).toBeGreaterThan(termOf(agent));
  });

  it('lets go of its SQLite file and takes it again', async () => {
    const folder = aStateDir();
    let isLost = false;
    const { create, services, leads } = await aManager(async () => {
      const sqlite = await alone(folder);
      const commit: Backend['commit'] = async (batches) => {
        const outcome = await sqlite.commit(batches);
        return isLost ? 'unknown' : outcome;
      };
      return { ...sqlite, commit };
    });
    isLost = true;
    expect((await create('web')).status).toBe(503);
    isLost = false;
    await leads();
    expect(await services()).toEqual(['web']);
    expect((await create('db')).status).toBe(201);
  });

  it('tries again when the state can not be loaded', async () => {
    const { disk, create, leads, said } = await aManager((open, tries) =>
      tries === 1 || tries > 3 ? open() : Promise.reject(new Error('the disk is away')),
    );
    disk.next = 'lost, written';
    await create('web');
    await leads();
    expect(said.filter((line) => line === 'could not lead again')).toHaveLength(2);
  });

  it('is closed without waiting for its next try', async () => {
    const { disk, manager, create, said } = await aManager((open, tries) =>
      tries === 1 ? open() : Promise.reject(new Error('the disk is away')),
    );
    disk.next = 'fenced';
    await create('web');
    await eventually(() => expect(said).toContain('could not lead again'));
    await manager.close();
    const tries = said.length;
    await sleep(300);
    expect(said).toHaveLength(tries);
  });
});

describe('a manager that was restored from a backup', () => {
  const restored = { madeAt: '2026-01-01T00:00:00.000Z' };
  /** What its host has. */
  const says = (agent: Agent, tasks: readonly object[]) =>
    eventually(() => {
      const asked = agent.received.findLast(({ $case }) => $case === 'query');
      if (asked?.$case !== 'query') throw new Error('nobody asked yet');
      const json = JSON.stringify({ tasks });
      agent.send({ $case: 'result', value: { id: asked.value.id, outcome: { $case: 'json', value: json } } });
    });
  const held = async (port: number): Promise<Agent> => {
    const agent = anAgent(port);
    agent.hello();
    await eventually(() =>
      expect(agent.received[0]).toMatchObject({ $case: 'welcome', value: { hold: true } }),
    );
    return agent;
  };

  it('tells hosts nothing that they have to do, until somebody says so', async () => {
    const { port, ask, leads, disk } = await aManager(undefined, { restored });
    const agent = await held(port);
    const unknown = { taskId: 'x', serviceName: 'shop', running: true };
    const answering = setInterval(() => void says(agent, [unknown]).catch(() => undefined), 50);
    closers.push(() => clearInterval(answering));
    await eventually(async () =>
      expect((await ask('GET', '/shoal/v1/restore')).body).toEqual({
        onHold: true,
        ...restored,
        absent: [],
        wouldStop: [{ service: 'shop', tasks: 1, nodes: ['h1'] }],
        wouldStart: [],
      }),
    );
    expect(agent.sets()).toEqual([]);
    expect((await ask('POST', '/shoal/v1/restore/finish')).status).toBe(204);
    await agent.ended;
    await leads();
    expect(disk.objects.get(`clusters/${clusterId}`)?.object).not.toHaveProperty('restored');
    expect(termOf(await joined(port))).toBeGreaterThan(termOf(agent));
    expect((await ask('GET', '/shoal/v1/restore')).body).toEqual({ onHold: false });
    expect((await ask('POST', '/shoal/v1/restore/finish')).status).toBe(409);
  });

  it('goes on by itself when all hosts have what the state says', async () => {
    const { port, leads, ask } = await aManager(undefined, { restored });
    const agent = await held(port);
    const answering = setInterval(() => void says(agent, []).catch(() => undefined), 50);
    closers.push(() => clearInterval(answering));
    await agent.ended;
    await leads();
    await joined(port);
    expect((await ask('GET', '/shoal/v1/restore')).body).toEqual({ onHold: false });
  });
});

it('does not start where it can not load the state, and keeps no address then', async () => {
  const port = await freePort();
  const start = () =>
    Manager.start({
      stateDir: aStateDir(),
      api: [`http://127.0.0.1:${port}`],
      tls: {},
      tlsNames: [],
      agentListen: '127.0.0.1:0',
      log: pino({ level: 'silent' }),
      follow: () => Promise.reject(new Error('the disk is away')),
    });
  await expect(start()).rejects.toThrow('the disk is away');
  await expect(start()).rejects.toThrow('the disk is away');
});

/** Comes back whenever its session ends, and says of each task that it runs. */
class RunningAgent {
  readonly acknowledged = new Set<string>();
  readonly terms: number[] = [];
  readonly #port: number;
  #closed = false;
  readonly done: Promise<void>;

  constructor(port: number) {
    this.#port = port;
    this.done = this.#run();
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.done;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const agent = anAgent(this.#port);
      const over = agent.ended.then(() => 'over');
      const batches: string[] = [];
      agent.hello();
      for (let beat = 1; !this.#closed; beat++) {
        if ((await Promise.race([over, sleep(20)])) === 'over') break;
        agent.send({ $case: 'beat', value: { number: beat, beatMs: 500 } });
        for (const { taskId } of agent.sets().flatMap((set) => set.put('task')))
          if (!batches.includes(taskId)) agent.report(batches.push(taskId), taskId, 'running');
        for (const body of agent.received)
          if (body.$case === 'ack') this.acknowledged.add(batches[body.value.number - 1] ?? '');
      }
      if (termOf(agent) > 0) this.terms.push(termOf(agent));
      agent.cancel();
      // As agents do, before they try again: else handshakes of one host come faster than the door lets them in.
      await sleep(100);
    }
  }
}

const fates = fc.array(
  fc.constantFrom<Fate>(
    'done',
    'done',
    'done',
    'refused',
    'fenced',
    'lost, written',
    'lost, not written',
    'breaks',
  ),
  { minLength: 5, maxLength: 25 },
);

it('whatever the disk answers: nothing acknowledged to people or agents is lost, nothing is written after a fence', async () => {
  await fc.assert(
    fc.asyncProperty(fates, async (script) => {
      const { manager, disk, port, create, services, leads } = await aManager();
      const agent = new RunningAgent(port);
      closers.push(() => agent.close());
      const created = new Set<string>();
      const unchanged = new Set<string>();
      let commits = 0;
      disk.fate = () => script[commits++] ?? 'done';
      for (let n = 0; n < 6; n++) {
        await leads();
        const name = `s${n}`;
        const { status, body } = await create(name);
        expect([201, 503]).toContain(status);
        if (status === 201) created.add(name);
        else if (body.message.includes('nothing was changed')) unchanged.add(name);
      }
      disk.fate = () => 'done';
      await leads();
      if (created.size > 0) await eventually(() => expect(agent.acknowledged.size).toBeGreaterThan(0));
      await agent.close();
      const there = new Set(await services());
      expect([...created].filter((name) => !there.has(name))).toEqual([]);
      expect([...unchanged].filter((name) => there.has(name))).toEqual([]);
      await manager.close();
      const { view } = await Store.open(
        disk.open(() => 'done'),
        Date.now,
      );
      for (const id of agent.acknowledged) expect(view.tasks.get(id)?.observed?.state).toBe('running');
      expect(agent.terms).toEqual(agent.terms.toSorted((a, b) => a - b));
      expect(disk.late).toBe(0);
    }),
    // A manager that begins to lead takes a moment each time: no looking for the smallest history.
    { numRuns: 2, endOnFailure: true },
  );
}, 120_000);
