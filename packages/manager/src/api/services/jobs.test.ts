import { describe, expect, it } from 'vitest';
import type { ServiceSpec } from '../../model/index.ts';
import { aNode, aTask } from '../../testing.ts';
import { anApi, aSpec, filters } from '../testing.ts';

const job = (change: Partial<ServiceSpec> = {}) =>
  aSpec({ Name: 'job', Mode: { ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 3 } }, ...change });

async function created(spec: ServiceSpec) {
  const api = await anApi((tx) => tx.nodes.create(aNode('n1')));
  const { body } = await api.call('POST', '/services/create', spec);
  const inspect = async () => (await api.call('GET', `/services/${body.ID}`)).body;
  const update = async (change: Partial<ServiceSpec>, more = '') => {
    const { Version } = await inspect();
    const path = `/services/${body.ID}/update?version=${Version.Index}${more}`;
    return api.call('POST', path, { ...spec, ...change });
  };
  return { ...api, id: body.ID as string, inspect, update };
}

describe('a job', () => {
  it('shows its run, which each update begins anew', async () => {
    const { inspect, update } = await created(job());
    expect(await inspect()).toMatchObject({
      JobStatus: { JobIteration: { Index: 0 }, LastExecution: '2026-01-01T00:00:00.000Z' },
      Spec: { Mode: { ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 3 } } },
    });
    expect((await update({ Labels: { a: 'b' } })).status).toBe(200);
    const updated = await inspect();
    expect(updated.JobStatus.JobIteration).toEqual({ Index: 1 });
    expect(updated).not.toHaveProperty('UpdateStatus');
  });

  it('has the sizes that Docker gives it where none are given, and no update settings', async () => {
    const { call, id } = await created(job({ Mode: { ReplicatedJob: {} } }));
    const { body } = await call('GET', `/services/${id}?insertDefaults=true`);
    expect(body.Spec.Mode).toEqual({ ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 1 } });
    expect(body.Spec.TaskTemplate.RestartPolicy.Condition).toBe('on-failure');
    expect(body.Spec).not.toHaveProperty('UpdateConfig');
  });

  it('counts what has completed in its present run; each task says its run', async () => {
    const { call, store, id } = await created(job());
    await store.update((tx) => {
      const ofRun = (iteration: number) => ({ shoal: { specVersion: 1, ports: [], iteration } });
      const done = { DesiredState: 'shutdown' as const, Status: { State: 'complete' as const } };
      tx.tasks.create(aTask('a', { ServiceID: id, NodeID: 'n1', Slot: 0, ...done, ...ofRun(0) }));
      const Status = { State: 'running' as const };
      tx.tasks.create(aTask('b', { ServiceID: id, NodeID: 'n1', Slot: 1, Status, ...ofRun(0) }));
      tx.tasks.create(aTask('c', { ServiceID: id, NodeID: 'n1', Slot: 2, ...done, ...ofRun(7) }));
    });
    const { body } = await call('GET', '/services?status=true');
    expect(body[0].ServiceStatus).toEqual({ RunningTasks: 1, DesiredTasks: 2, CompletedTasks: 1 });
    const tasks = (await call('GET', `/tasks?${filters({ service: [id], '_up-to-date': ['true'] })}`)).body;
    expect(tasks).toMatchObject([
      {
        ID: 'a',
        Slot: 0,
        DesiredState: 'complete',
        JobIteration: { Index: 0 },
        Status: { State: 'complete' },
      },
      {
        ID: 'b',
        Slot: 1,
        DesiredState: 'complete',
        JobIteration: { Index: 0 },
        Status: { State: 'running' },
      },
    ]);
    const complete = await call('GET', `/tasks?${filters({ 'desired-state': ['complete'] })}`);
    expect(complete.body).toHaveLength(3);
    expect((await call('GET', '/shoal/v1/jobs/job')).body).toMatchObject({
      name: 'job',
      state: 'running',
      present: { completed: 1, failed: 0, total: 3 },
      schedule: null,
      runs: [
        { iteration: 7, completed: 1 },
        { iteration: 0, completed: 1, failures: 0 },
      ],
    });
  });

  it.each<[string, Partial<ServiceSpec>, string]>([
    ['an update config', { UpdateConfig: { Parallelism: 1 } }, 'Jobs may not have an update config'],
    [
      'steps of an update',
      { Labels: { 'shoal.strategy': 'canary' } },
      'Labels["shoal.strategy"]: says nothing of a job, each update of which is a new run',
    ],
    ['a rollback config', { RollbackConfig: {} }, 'RollbackConfig: a job has no rollbacks; leave it out'],
    [
      'too many tasks',
      { Mode: { ReplicatedJob: { TotalCompletions: 1_000_000 } } },
      'Mode.ReplicatedJob.TotalCompletions: 1000000 is more than the 100000 a service may have',
    ],
    [
      'none at a time',
      { Mode: { ReplicatedJob: { MaxConcurrent: 0, TotalCompletions: 2 } } },
      'Mode.ReplicatedJob.MaxConcurrent: must be 1 or more for any of 2 tasks to run',
    ],
  ])('with %s is refused', async (_, change, message) => {
    const { call } = await anApi();
    const { status, body } = await call('POST', '/services/create', job(change));
    expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
  });

  it('can not be rolled back', async () => {
    const { update } = await created(job());
    await update({});
    expect(await update({}, '&rollback=previous')).toMatchObject({
      status: 400,
      body: { message: 'a job can not be rolled back: update it to its former spec' },
    });
  });
});

describe('a job with a schedule', () => {
  const scheduled = job({ Labels: { 'shoal.cron': '30 2 * * *', 'shoal.cron.timezone': 'Europe/Berlin' } });
  const force = { TaskTemplate: { ...scheduled.TaskTemplate, ForceUpdate: 1 } };

  it('does not run before it is due, but when people force it', async () => {
    const { inspect, update } = await created(scheduled);
    expect((await inspect()).JobStatus).toEqual({ JobIteration: { Index: 0 } });
    await update({ Labels: { ...scheduled.Labels, a: 'b' } });
    expect((await inspect()).JobStatus).toEqual({ JobIteration: { Index: 0 } });
    await update(force);
    expect((await inspect()).JobStatus).toMatchObject({ LastExecution: '2026-01-01T00:00:00.000Z' });
  });

  it('says when it runs next', async () => {
    const { call } = await created(scheduled);
    expect((await call('GET', '/shoal/v1/jobs')).body).toMatchObject([
      {
        state: 'waiting',
        present: null,
        schedule: {
          cron: '30 2 * * *',
          timezone: 'Europe/Berlin',
          nextRun: '2026-01-01T01:30:00.000Z',
          skipped: null,
        },
        runs: [],
      },
    ]);
  });

  it('keeps what was dealt with until its time changes', async () => {
    const { store, id, update } = await created(scheduled);
    const cron = () => store.view.services.get(id)?.shoal.cron;
    await store.update((tx) => {
      const service = tx.services.get(id);
      if (service) tx.services.update({ ...service, shoal: { ...service.shoal, cron: { since: 5 } } });
    });
    await update({ Labels: { ...scheduled.Labels, a: 'b' } });
    expect(cron()).toEqual({ since: 5 });
    await update({ Labels: { 'shoal.cron': '@daily' } });
    expect(cron()).toBeUndefined();
  });

  it('is refused in words where its labels are wrong', async () => {
    const { call } = await anApi();
    const wrong = job({ Labels: { 'shoal.cron': 'daily' } });
    expect((await call('POST', '/services/create', wrong)).body.message).toMatch(
      /^Labels\["shoal.cron"\]: must be five fields/,
    );
  });

  it('is one of jobs alone', async () => {
    const { call } = await anApi();
    await call('POST', '/services/create', aSpec());
    expect(await call('GET', '/shoal/v1/jobs/web')).toMatchObject({
      status: 400,
      body: { message: 'service web is no job: its mode is replicated' },
    });
  });
});
