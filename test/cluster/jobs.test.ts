import './rested.ts';
import { faults, httpJson, type TaskView, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  cli,
  clients,
  cluster,
  create,
  docker,
  image,
  nodeNamed,
  removeServices,
  tasksOf,
  webSpec,
} from './shared.ts';

const [h1, , h3] = cluster.hosts;
const found = await clients();
const h3Id = (await docker.listNodes()).find(({ Description }) => Description?.Hostname === 'h3')?.ID;

afterEach(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await removeServices('job', 'db', 'migrate', 'app');
});
afterAll(() => removeServices('nightly'));
// Its minute comes while the others are tried.
beforeAll(() => job('nightly', 'true', { ReplicatedJob: {} }, { Labels: { 'shoal.cron': '* * * * *' } }));

const within = { timeoutMs: 30_000 };

/** A job whose tasks run this command. */
const job = (name: string, command: string, mode: object, change: object = {}, policy?: object) => {
  const task = policy && { RestartPolicy: policy };
  const { TaskTemplate } = webSpec(name, {
    container: { Command: ['sh', '-c', command] },
    ...(task && { task }),
  });
  return create({ Name: name, TaskTemplate, Mode: mode, ...change } as Parameters<typeof create>[0]);
};

const done = (tasks: readonly TaskView[]) => tasks.filter(({ Status }) => Status.State === 'complete');

/** Waits until so many of its tasks have completed; resolves with all of them. */
const completed = (service: string, count: number, timeoutMs = 60_000) =>
  until(
    `${count} tasks of ${service} have completed`,
    async (seen) => {
      const tasks = await tasksOf(service);
      seen(tasks.map(({ Status }) => `${Status.State} ${Status.Err ?? ''}`));
      return done(tasks).length === count ? tasks : undefined;
    },
    { timeoutMs },
  );

const allRun = (service: string, count: number) =>
  until(
    `${count} tasks of ${service} run`,
    async () => {
      const tasks = await tasksOf(service);
      return tasks.filter(({ Status }) => Status.State === 'running').length === count ? tasks : undefined;
    },
    within,
  );

interface Report {
  readonly state: string;
  readonly runs: readonly {
    readonly iteration: number;
    readonly completed: number;
    readonly failures: number;
  }[];
  readonly schedule: { readonly nextRun: string } | null;
}
const report = (name: string) => httpJson<Report>(`${cluster.apiUrl}/shoal/v1/jobs/${name}`);

describe.each(found)('docker client $version', ({ path }) => {
  const ok = async (...args: string[]) => {
    const { code, out, err } = await cli(path, ...args);
    expect({ code, err: code === 0 ? '' : err + out }).toEqual({ code: 0, err: '' });
    return out;
  };

  it('runs a job to its end, shows how far it is, and runs it anew', async () => {
    const command = ['sh', '-c', 'sleep 1'];
    const size = ['--mode', 'replicated-job', '--replicas', '3', '--max-concurrent', '2'];
    const out = await ok('service', 'create', '--detach=false', '--name', 'job', ...size, image, ...command);
    expect(out).toMatch(/active tasks: \d out of \d tasks/);
    expect(out).toMatch(/job complete/);
    expect(await ok('service', 'ls', '--filter', 'name=job', '--format', '{{.Mode}} {{.Replicas}}')).toBe(
      'replicated job 0/2 (3/3 completed)\n',
    );
    const ps = await ok('service', 'ps', 'job', '--format', '{{.DesiredState}} {{.CurrentState}}');
    expect(ps.trim().split('\n')).toEqual(Array(3).fill(expect.stringMatching(/^Complete Complete /)));
    expect(await ok('service', 'update', '--force', '--detach=false', 'job')).toMatch(/job complete/);
    expect(await ok('service', 'inspect', 'job', '--format', '{{.JobStatus.JobIteration.Index}}')).toBe(
      '1\n',
    );
    expect((await report('job')).runs.map((run) => [run.iteration, run.completed])).toEqual([
      [1, 3],
      [0, 3],
    ]);
    const rollback = await cli(path, 'service', 'rollback', '--detach', 'job');
    expect([rollback.code, rollback.err]).toEqual([1, expect.stringContaining('can not be rolled back')]);
  });

  it('runs a global job on every node', async () => {
    const out = await ok(
      'service',
      'create',
      '--detach=false',
      '--mode',
      'global-job',
      '--name',
      'job',
      image,
      'true',
    );
    expect(out).toMatch(/job complete/);
    expect(await ok('service', 'ls', '--filter', 'name=job', '--format', '{{.Mode}} {{.Replicas}}')).toBe(
      'global job 0/0 (3/3 completed)\n',
    );
  });
});

it('the tasks of a host that dies are run again elsewhere, and no others', async () => {
  await job('job', 'sleep 15', { ReplicatedJob: { MaxConcurrent: 3, TotalCompletions: 3 } });
  const before = await allRun('job', 3);
  expect(before.map(({ NodeID }) => NodeID)).toContain(h3Id);
  await faults.powerOff(h3);
  const after = await completed('job', 3);
  expect(after.filter(({ ID }) => !before.some((one) => one.ID === ID))).toHaveLength(1);
  expect((await report('job')).state).toBe('complete');
});

it('what fails is tried again as often as its policy says, then the job has failed', async () => {
  await job('job', 'exit 3', { ReplicatedJob: {} }, {}, { Delay: 0.1e9, MaxAttempts: 1 });
  const failed = await until(
    'the job has failed',
    async () => {
      const seen = await report('job');
      return seen.state === 'failed' ? seen : undefined;
    },
    within,
  );
  expect(failed.runs).toMatchObject([{ completed: 0, failures: 2, error: 'task: non-zero exit (3)' }]);
});

it('services start in the order that they ask for', async () => {
  await create(webSpec('app', { Labels: { 'shoal.depends-on': 'migrate:completed,db:healthy' } }));
  const dependsOn = { Labels: { 'shoal.depends-on': 'db:healthy' } };
  await job('migrate', 'sleep 1', { ReplicatedJob: {} }, dependsOn);
  const [waiting] = await until(
    'migrate waits',
    async () => {
      const tasks = await tasksOf('migrate');
      return tasks.length > 0 ? tasks : undefined;
    },
    within,
  );
  expect(waiting?.Status).toMatchObject({
    State: 'pending',
    Err: 'depends on service db, which is not there',
  });
  await create(webSpec('db'));
  const [app] = await until(
    'app runs',
    async (seen) => {
      const tasks = await tasksOf('app');
      seen(tasks.map(({ Status }) => `${Status.State} ${Status.Err ?? ''}`));
      return tasks.some(({ Status }) => Status.State === 'running') ? tasks : undefined;
    },
    within,
  );
  const [migrated] = done(await tasksOf('migrate'));
  const [db] = await tasksOf('db');
  const times = [db, migrated, app].map((task) => task?.Status.Timestamp ?? '');
  expect(times).toEqual(times.toSorted());
});

it('what ends while the manager is away is not run again when it is back', async () => {
  await job('job', 'sleep 4', { ReplicatedJob: { MaxConcurrent: 3, TotalCompletions: 3 } });
  await allRun('job', 3);
  await faults.killProcess(h1, 'manager', { hold: true });
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  await faults.resume(h1, 'manager');
  await cluster.waitReady();
  expect(await completed('job', 3)).toHaveLength(3);
});

// On h2: h3, which went down before, may get no new tasks for a while.
it('a global job runs on a node as soon as that takes tasks', async () => {
  const { ID, Spec } = await nodeNamed('h2');
  const availability = async (Availability: string) => {
    const { Version } = await nodeNamed('h2');
    await docker.getNode(ID).update({ ...Spec, Availability, version: Version.Index });
  };
  await availability('drain');
  await job('job', 'true', { GlobalJob: {} });
  expect((await completed('job', 2)).map(({ NodeID }) => NodeID)).not.toContain(ID);
  await availability('active');
  await completed('job', 3);
});

it('a scheduled job runs each time that it is due', async () => {
  const { runs, schedule } = await until(
    'it has run',
    async () => {
      const seen = await report('nightly');
      return seen.runs.length > 0 && seen.state === 'complete' ? seen : undefined;
    },
    { timeoutMs: 75_000 },
  );
  expect(runs[0]).toMatchObject({ completed: 1 });
  expect(schedule?.nextRun).toMatch(/:00\.000Z$/);
});
