import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildAll } from '../../../../scripts/build.ts';
import { HollowAgent } from '../../../agent/src/hollow-agent.ts';
import { http, httpJson, say, step, TestbedError, until } from '../machine/index.ts';
import { report } from './measure/index.ts';
import { ManagerProcess } from './restart/index.ts';

/**
 * A manager with 1,000 tasks is killed and started again: seconds from the start of its process until the API answers,
 * until all agents have their tasks confirmed, and until a new service runs. The manager is the real process with its
 * state on disk; its agents are hollow, since 1,000 containers would measure the machine.
 */
const agentCount = 20;
const serviceCount = 20;
const tasksPerService = 50;
const taskCount = serviceCount * tasksPerService;
/** Seconds between the manager's death and its next start; after the longer one its agents try less often. */
const absences = [0, 10];
const goal = 2;
const defaultRounds = 5;
const mostRounds = 100;

interface Setup {
  readonly manager: ManagerProcess;
  readonly agents: readonly HollowAgent[];
}

interface Round {
  readonly api: number;
  readonly agents: number;
  readonly service: number;
  readonly touched: number;
  readonly down: number;
}

export default async function restart(args: readonly string[]): Promise<boolean> {
  const rounds = roundsIn(args);
  await step('bundling the manager', () => buildAll(say));
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-restart-'));
  const manager = await ManagerProcess.prepare(folder);
  const agents: HollowAgent[] = [];
  try {
    manager.start();
    await until('the manager answers', () => answers(manager), { timeoutMs: 30_000 });
    const joinToken = await manager.joinToken();
    for (let n = 1; n <= agentCount; n++) {
      agents.push(new HollowAgent({ hostname: `hollow${n}`, manager: manager.agentAddress, joinToken }));
    }
    await step(`starting ${taskCount} tasks on ${agentCount} hollow agents`, () => fill(manager));
    const results: boolean[] = [];
    for (const absence of absences) {
      const played: Round[] = [];
      for (let round = 1; round <= rounds; round++) {
        played.push(await play({ manager, agents }, absence, `probe-${absence}-${round}`));
        say(`round ${round} of ${rounds}, ${absence} s away: ${JSON.stringify(played.at(-1))}`);
      }
      results.push(...lines(played, absence));
    }
    return results.every(Boolean);
  } finally {
    await Promise.all(agents.map((agent) => agent.close()));
    await manager.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function roundsIn(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: String(defaultRounds) } },
  });
  const rounds = Number(values.rounds);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= mostRounds) return rounds;
  throw new TestbedError(`--rounds takes a number from 1 to ${mostRounds}, not ${values.rounds}.`);
}

/** The worst of all rounds counts: a restart is rare, and everybody waits for it. */
function lines(rounds: readonly Round[], absence: number): boolean[] {
  const where = absence === 0 ? '' : `, ${absence} s away`;
  const worst = (of: (round: Round) => number) => Math.max(...rounds.map(of));
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  return [
    report(
      'restart',
      `API answers${where}`,
      worst(({ api }) => api),
      's',
      { goal },
    ),
    report(
      'restart',
      `agents confirmed${where}`,
      worst(({ agents }) => agents),
      's',
      { goal },
    ),
    report(
      'restart',
      `new service runs${where}`,
      worst(({ service }) => service),
      's',
      { goal },
    ),
    report(
      'restart',
      `tasks touched${where}`,
      sum(({ touched }) => touched),
      'tasks',
      { goal: 0 },
    ),
    report(
      'restart',
      `false verdicts${where}`,
      sum(({ down }) => down),
      'verdicts',
      { goal: 0 },
    ),
  ];
}

async function play({ manager, agents }: Setup, absence: number, probe: string): Promise<Round> {
  const before = await runningTasks(manager);
  const asked = agents.map(({ daemon }) => daemon.calls.length);
  await manager.kill();
  await sleep(absence * 1_000);
  const from = performance.now();
  const since = () => (performance.now() - from) / 1_000;
  manager.start();
  const [[api, service], confirmed] = await Promise.all([
    (async () => {
      await until('the API answers', () => answers(manager), { timeoutMs: 30_000, everyMs: 5 });
      const answered = since();
      await create(manager, probe, 1);
      await allRun(manager, probe, 1, 10);
      return [answered, since()] as const;
    })(),
    until(
      'all agents have their tasks confirmed',
      () => agents.every(({ confirmedAt = 0 }) => confirmedAt > from) && since(),
      { timeoutMs: 30_000, everyMs: 5 },
    ),
  ]);
  const down = await falseVerdicts(manager);
  await http(`${manager.apiUrl}/services/${probe}`, { method: 'DELETE' });
  await until(
    'the probe is gone',
    async (seen) => {
      const left = (await tasksOf(manager)).filter(({ ID }) => !before.has(ID));
      seen(left.map(({ DesiredState, Status }) => `${DesiredState}/${Status.State}`));
      return left.length === 0;
    },
    { timeoutMs: 30_000 },
  );
  const after = await runningTasks(manager);
  const replaced = [...before].filter((id) => !after.has(id)).length;
  const handled = agents.flatMap(({ daemon }, index) => callsAbout(daemon.calls.slice(asked[index]), before));
  return { api, agents: confirmed, service, touched: replaced + handled.length, down };
}

/** What was done to the containers of these tasks, other than looking at them. */
const callsAbout = (calls: readonly string[], taskIds: ReadonlySet<string>): string[] =>
  calls.filter((call) => !call.startsWith('find ') && [...taskIds].some((id) => call.endsWith(id)));

const answers = async ({ apiUrl }: ManagerProcess): Promise<boolean> =>
  (await http(`${apiUrl}/_ping`, { timeoutMs: 1_000 })).status === 200;

async function fill(manager: ManagerProcess): Promise<void> {
  // Tasks that were spread over some of them only would be moved later.
  await until(
    'all agents have joined',
    async () => (await httpJson<object[]>(`${manager.apiUrl}/nodes`)).length === agentCount,
    { timeoutMs: 30_000 },
  );
  for (let n = 1; n <= serviceCount; n++) await create(manager, `service${n}`, tasksPerService);
  for (let n = 1; n <= serviceCount; n++) await allRun(manager, `service${n}`, tasksPerService, 200);
}

async function create({ apiUrl }: ManagerProcess, name: string, Replicas: number): Promise<void> {
  const spec = {
    Name: name,
    TaskTemplate: { ContainerSpec: { Image: 'hollow:1' } },
    Mode: { Replicated: { Replicas } },
    EndpointSpec: { Ports: [{ TargetPort: 8080, Protocol: 'tcp', PublishMode: 'ingress' }] },
  };
  const { status, body } = await http(`${apiUrl}/services/create`, {
    method: 'POST',
    body: JSON.stringify(spec),
    timeoutMs: 30_000,
  });
  if (status !== 201) throw new TestbedError(`The service ${name} could not be created: ${body}`);
}

interface TaskView {
  readonly ID: string;
  readonly DesiredState: string;
  readonly Status: { readonly State: string };
}

const tasksOf = ({ apiUrl }: ManagerProcess, service?: string): Promise<TaskView[]> => {
  const filters =
    service === undefined ? '' : `?filters=${encodeURIComponent(JSON.stringify({ service: [service] }))}`;
  return httpJson<TaskView[]>(`${apiUrl}/tasks${filters}`, { timeoutMs: 30_000 });
};

const runningTasks = async (manager: ManagerProcess): Promise<Set<string>> =>
  new Set((await tasksOf(manager)).filter(({ Status }) => Status.State === 'running').map(({ ID }) => ID));

const allRun = (manager: ManagerProcess, service: string, count: number, everyMs: number): Promise<true> =>
  until(
    `${count} tasks of ${service} run`,
    async (seen) => {
      const states = (await tasksOf(manager, service)).map(({ Status }) => Status.State);
      seen(states);
      return states.filter((state) => state === 'running').length === count && true;
    },
    { timeoutMs: 120_000, everyMs },
  ) as Promise<true>;

async function falseVerdicts({ apiUrl }: ManagerProcess): Promise<number> {
  const nodes = await httpJson<{ ID: string }[]>(`${apiUrl}/nodes`);
  const reports = await Promise.all(
    nodes.map(({ ID }) =>
      httpJson<{ verdicts: { state: string }[] }>(`${apiUrl}/shoal/v1/nodes/${ID}/liveness`),
    ),
  );
  return reports.flatMap(({ verdicts }) => verdicts).filter(({ state }) => state === 'down').length;
}
