import {
  status as code,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import {
  type AgentMessage,
  type Changes,
  type Hello,
  type ManagerMessage,
  NodeFacts,
  type QueryResult,
  SessionsClient,
  SessionsService,
} from '@shoal/proto';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Assignments } from '../assignments/assignments.ts';
import { changes, gone, put } from '../assignments/testing.ts';
import { NotAdmitted } from '../identity/index.ts';
import { statusOf, toTaskStatus } from '../task/status.ts';
import { anAssignment } from '../task/testing.ts';
import { EventQueue } from './event-queue.ts';
import { type LinkOptions, ManagerLink } from './link.ts';
import { Outbox } from './outbox.ts';
import { Session } from './session.ts';

type Body<M extends { body?: unknown }> = NonNullable<M['body']>;
type Call = ServerDuplexStream<AgentMessage, ManagerMessage>;
const [beatMs, leaseMs] = [20, 400];

/** A manager of a few lines behind a real gRPC server: answers Hello and beats, writes down the rest. */
class TestManager {
  readonly server = new Server();
  readonly heard: Body<AgentMessage>[] = [];
  readonly hellos: Hello[] = [];
  call: Call | undefined;
  silent = false;
  accepts = true;
  refuses = false;
  hold = false;
  eventsUntilUs = 0;
  port = 0;

  async listen(port = 0): Promise<this> {
    this.server.addService(SessionsService, { session: (call: Call) => this.#session(call) });
    this.port = await new Promise((resolve, reject) =>
      this.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    return this;
  }

  say(body: Body<ManagerMessage>): void {
    this.call?.write({ body });
  }

  assign(value: Changes): void {
    this.say({ $case: 'changes', value });
  }

  all<C extends Body<AgentMessage>['$case']>(kind: C) {
    return this.heard.filter(
      (body): body is Extract<Body<AgentMessage>, { $case: C }> => body.$case === kind,
    );
  }

  #session(call: Call): void {
    this.call = call;
    call.on('error', () => {});
    call.on('end', () => call.end());
    call.on('data', ({ body }: AgentMessage) => {
      if (!body || this.silent) return;
      if (body.$case === 'hello') {
        this.hellos.push(body.value);
        if (this.refuses)
          return void call.emit('error', { code: code.UNAUTHENTICATED, details: 'removed from the cluster' });
        return this.say({
          $case: 'welcome',
          value: {
            ...{ term: 1, hold: this.hold, release: '1.2.3', timing: { beatMs, leaseMs } },
            eventsUntilUs: this.eventsUntilUs,
          },
        });
      }
      if (body.$case === 'beat') this.say({ $case: 'beat', value: body.value });
      if (body.$case === 'statuses' && this.accepts)
        this.say({ $case: 'ack', value: { number: body.value.number } });
      this.heard.push(body);
    });
  }
}

const open: { managers: TestManager[]; links: ManagerLink[] } = { managers: [], links: [] };
afterEach(async () => {
  for (const link of open.links.splice(0)) await link.close();
  for (const { server } of open.managers.splice(0)) server.forceShutdown();
});

async function aManager(port?: number): Promise<TestManager> {
  const manager = await new TestManager().listen(port);
  open.managers.push(manager);
  return manager;
}

function anAgent(manager: TestManager, more: Partial<LinkOptions> = {}) {
  const sets: { number: number; ids: string[] }[] = [];
  const assignments = new Assignments();
  const said: string[] = [];
  const options: LinkOptions = {
    manager: () => `127.0.0.1:${manager.port}`,
    hello: () => ({
      protocol: 1,
      facts: NodeFacts.fromPartial({ hostname: 'h1' }),
    }),
    statuses: () => [],
    credentials: async () => credentials.createInsecure(),
    onWelcome: async () => {},
    onTrust: async () => {},
    assignments,
    onAssignments: async () => {
      sets.push({ number: assignments.number, ids: [...assignments.objects.task.keys()] });
    },
    onAlone: () => {},
    onAccepted: () => {},
    onLease: () => {},
    clock: () => performance.now(),
    answer: async ({ id }): Promise<QueryResult> => ({ id, outcome: { $case: 'json', value: '{}' } }),
    random: () => 0,
    log: pino({ level: 'warn' }, { write: (line: string) => void said.push(JSON.parse(line).msg) }),
    ...more,
  };
  const link = new ManagerLink(options);
  open.links.push(link);
  link.open();
  return { link, sets, said, options };
}

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 5 });
const task = (id: string) => put('task', id, anAssignment(id));
const status = (taskId: string, message = '') => toTaskStatus(taskId, statusOf('running', { message }), 1);

describe('a session', () => {
  it('begins with Hello, beats, and takes assignments', async () => {
    const manager = await aManager();
    const { sets } = anAgent(manager);
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(2));
    expect(manager.hellos).toMatchObject([{ protocol: 1, facts: { hostname: 'h1' } }]);
    manager.assign(changes({ complete: true, resultsIn: 3 }, task('a')));
    manager.assign(changes({ appliesTo: 3, resultsIn: 4 }, task('b'), gone('task', 'a')));
    await eventually(() => expect(sets.at(-1)).toEqual({ number: 4, ids: ['b'] }));
  });

  it('knows whether its manager is on hold', async () => {
    const manager = await aManager();
    manager.hold = true;
    const { link } = anAgent(manager);
    await eventually(() => expect([link.connected, link.onHold]).toEqual([true, true]));
    manager.hold = false;
    manager.call?.end();
    await eventually(() => expect([link.connected, link.onHold]).toEqual([true, false]));
  });

  it('says what is in the kernel where that is waited for', async () => {
    const manager = await aManager();
    anAgent(manager);
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    manager.assign(changes({ complete: true, resultsIn: 3 }));
    manager.assign(changes({ appliesTo: 3, resultsIn: 4, unawaited: true }, task('a')));
    manager.assign(changes({ appliesTo: 4, resultsIn: 5 }, task('b')));
    await eventually(() => expect(manager.all('applied').at(-1)?.value.number).toBe(5));
    expect(manager.all('applied').map(({ value }) => value.number)).toEqual([3, 5]);
  });

  it('asks once for everything after a gap, and goes on from there', async () => {
    const manager = await aManager();
    const { sets } = anAgent(manager);
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    manager.assign(changes({ complete: true, resultsIn: 3 }));
    manager.assign(changes({ appliesTo: 4, resultsIn: 5 }, task('a')));
    manager.assign(changes({ appliesTo: 5, resultsIn: 6 }, task('b')));
    await eventually(() => expect(manager.all('resync')).toHaveLength(1));
    manager.assign(changes({ complete: true, resultsIn: 6 }, task('a'), task('b')));
    await eventually(() => expect(sets.map(({ number }) => number)).toEqual([3, 6]));
    expect(manager.all('resync')).toHaveLength(1);
  });

  it('gathers statuses and sends them until they are accepted', async () => {
    const manager = await aManager();
    manager.accepts = false;
    const { link } = anAgent(manager);
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    for (let i = 0; i < 50; i += 1) link.report(status(`t${i % 5}`, `${i}`));
    await eventually(() => expect(manager.all('statuses')).toHaveLength(1));
    const messages = manager.all('statuses')[0]?.value.statuses.map(({ message }) => message);
    expect(messages?.sort()).toEqual(['45', '46', '47', '48', '49']);
    manager.accepts = true;
    await eventually(() => expect(manager.all('statuses')).toHaveLength(2));
    expect(manager.all('statuses')[1]?.value.statuses).toHaveLength(5);
  });

  it('tells of containers, one message at a time, and in the next session what the manager does not know', async () => {
    const manager = await aManager();
    manager.eventsUntilUs = 1;
    const events = new EventQueue();
    const { link } = anAgent(manager, { events });
    const happens = (atUs: number) => {
      events.put({ atUs, action: 'start', containerId: 'c1', attributes: {} });
      link.eventsSoon();
    };
    const told = () => manager.all('events').map(({ value }) => value.events.map(({ atUs }) => atUs));
    for (const at of [1, 2, 3]) happens(at);
    await eventually(() => expect(told()).toEqual([[2, 3]]));
    happens(4);
    manager.say({ $case: 'eventsTaken', value: { untilUs: 3, waitMs: 1 } });
    await eventually(() => expect(told()).toEqual([[2, 3], [4]]));
    happens(5);
    link.renew();
    await eventually(() => expect(told()).toEqual([[2, 3], [4], [4, 5]]));
  });

  it('passes on facts and answers questions', async () => {
    const manager = await aManager();
    const { link } = anAgent(manager);
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    link.sendFacts(NodeFacts.fromPartial({ hostname: 'h2' }));
    manager.say({ $case: 'query', value: { id: 'q1', what: undefined } });
    await eventually(() => expect(manager.all('facts')).toMatchObject([{ value: { hostname: 'h2' } }]));
    await eventually(() => expect(manager.all('result')).toMatchObject([{ value: { id: 'q1' } }]));
  });

  it('tells the latest facts that came after Hello and before it had begun', async () => {
    const manager = await aManager();
    const { link } = anAgent(manager, {
      onWelcome: async () => {
        link.sendFacts(NodeFacts.fromPartial({ hostname: 'h2' }));
        link.sendFacts(NodeFacts.fromPartial({ hostname: 'h3' }));
      },
    });
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    expect(manager.all('facts')).toMatchObject([{ value: { hostname: 'h3' } }]);
  });

  it('beats and leases from then on as the manager says when that changes, and tells it so', async () => {
    const manager = await aManager();
    const leases: number[] = [];
    anAgent(manager, { onLease: (until) => leases.push(until - performance.now()) });
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(1));
    expect(manager.all('beat')[0]?.value.beatMs).toBe(beatMs);
    manager.say({ $case: 'timing', value: { beatMs: 5, leaseMs: 60_000 } });
    await eventually(() => expect(manager.all('beat').at(-1)?.value.beatMs).toBe(5));
    await eventually(() => expect(leases.at(-1)).toBeGreaterThan(leaseMs));
    const before = manager.all('beat').length;
    manager.say({ $case: 'timing', value: { beatMs: 60_000, leaseMs: 60_000 } });
    // One more, to tell it, and perhaps one that was on its way.
    await eventually(() => expect(manager.all('beat').at(-1)?.value.beatMs).toBe(60_000));
    expect(manager.all('beat').length).toBeGreaterThan(before);
  });

  it('extends the lease with each answered beat, as far as the manager says, counted from its sending', async () => {
    const manager = await aManager();
    const leases: { until: number; at: number }[] = [];
    anAgent(manager, { onLease: (until) => leases.push({ until, at: performance.now() }) });
    await eventually(() => expect(leases.length).toBeGreaterThan(3));
    for (const { until, at } of leases) expect(until).toBeLessThanOrEqual(at + leaseMs);
    expect(leases.map(({ until }) => until)).toEqual(leases.map(({ until }) => until).sort((a, b) => a - b));
  });

  it('ends unanswered when Hello was read and nothing came for as long as it may take', async () => {
    const manager = await aManager();
    manager.silent = true;
    const client = new SessionsClient(`127.0.0.1:${manager.port}`, credentials.createInsecure());
    const { options } = anAgent(manager);
    const session = new Session(client.session(), new Outbox(), options, options.log);
    const end = session.run(options.hello());
    session.connected(50);
    expect(await end).toEqual({ reason: 'the manager did not answer Hello', refused: false });
    expect([session.unanswered, session.welcomed]).toEqual([true, false]);
    client.close();
  });

  it('is none with a manager whose Welcome it does not accept: no beat, no lease, and it tries again', async () => {
    const manager = await aManager();
    const leases: number[] = [];
    const { said, link } = anAgent(manager, {
      onWelcome: () => Promise.reject(new Error('it does not lead any more')),
      onLease: (until) => leases.push(until),
    });
    await eventually(() => expect(manager.hellos.length).toBeGreaterThan(2));
    expect([manager.all('beat'), leases, link.connected]).toEqual([[], [], false]);
    expect(said).toContain('no session with the manager');
  });

  it('says the last statuses before it leaves', async () => {
    const manager = await aManager();
    const { link } = anAgent(manager);
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    link.report(status('t1'));
    await link.close();
    await eventually(() => expect(manager.all('statuses')).toHaveLength(1));
  });
});

describe('an agent without a session', () => {
  it('is told so, at the beginning and at the end of each one', async () => {
    const manager = await aManager();
    const said: string[] = [];
    anAgent(manager, { onAlone: () => said.push('alone'), onWelcome: async () => void said.push('welcome') });
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    expect(said).toEqual(['alone', 'welcome']);
    manager.server.forceShutdown();
    await eventually(() => expect(said).toEqual(['alone', 'welcome', 'alone']));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(said).toHaveLength(3);
  });

  it('comes back to a manager that was restarted, and says all statuses again', async () => {
    const first = await aManager();
    anAgent(first, { statuses: () => [status('t1'), status('t2')] });
    await eventually(() => expect(first.all('statuses')).toHaveLength(1));
    first.server.forceShutdown();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const second = await aManager(first.port);
    await eventually(() => expect(second.all('statuses')).toHaveLength(1));
    expect(second.all('statuses')[0]?.value.statuses).toHaveLength(2);
  });

  it('gives up a manager that falls silent', async () => {
    const manager = await aManager();
    const { said } = anAgent(manager);
    await eventually(() => expect(manager.all('beat').length).toBeGreaterThan(0));
    manager.silent = true;
    await eventually(() => expect(said).toContain('no session with the manager'));
    manager.silent = false;
    await eventually(() => expect(manager.hellos.length).toBeGreaterThan(1));
  });

  it('asks for its credentials anew for each try, and is patient with whoever does not admit it', async () => {
    const manager = await aManager();
    const answers: Error[] = [new Error('no join token'), new Error('still none')];
    const asked: string[] = [];
    const { said } = anAgent(manager, {
      credentials: async () => {
        const error = answers.shift();
        asked.push(error?.message ?? 'here they are');
        if (error) throw error;
        return credentials.createInsecure();
      },
    });
    await eventually(() => expect(manager.hellos).toHaveLength(1));
    expect(asked).toEqual(['no join token', 'still none', 'here they are']);
    const foreign = anAgent(manager, {
      credentials: () => Promise.reject(new NotAdmitted('another cluster')),
    });
    await eventually(() => expect(foreign.said).toEqual(['the manager refused this host']));
    expect(said).not.toContain('the manager refused this host');
  });

  it('takes another session with new credentials when it has such', async () => {
    const manager = await aManager();
    const { link } = anAgent(manager, { statuses: () => [status('t1')] });
    await eventually(() => expect(manager.all('statuses')).toHaveLength(1));
    link.renew();
    await eventually(() => expect(manager.hellos).toHaveLength(2));
    await eventually(() => expect(manager.all('statuses')).toHaveLength(2));
  });

  it('does not trouble a manager that refuses it', async () => {
    const manager = await aManager();
    manager.refuses = true;
    const { said } = anAgent(manager);
    await eventually(() => expect(said).toEqual(['the manager refused this host']));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(manager.hellos).toHaveLength(1);
  });
});
