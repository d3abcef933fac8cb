import { faults, type Host, httpJson, until } from '@shoal/testbed';
import { afterEach, describe, expect, it } from 'vitest';
import { cluster, create, docker, nodeNamed, removeServices, running, tasksOf, webSpec } from './shared.ts';

afterEach(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await removeServices();
});

const [h1, h2, h3] = cluster.hosts;
const notOn = (host: Host) => ({ Placement: { Constraints: [`node.hostname!=${host.name}`] } });
const only = { Labels: { 'shoal.isolation': 'stop' } };

/** The only container of a service on a host, ended or not, as its own daemon sees it: asked there, it may be cut off. */
async function containerOn(host: Host, service: string) {
  const label = `label=com.docker.swarm.service.name=${service}`;
  const id = (await host.exec(['docker', 'ps', '-aq', '--no-trunc', '--filter', label])).trim();
  const { State } = JSON.parse(await host.exec(['docker', 'inspect', '--format', '{{json .}}', id])) as {
    State: { Pid: number; Status: string; StartedAt: string; FinishedAt: string };
  };
  const { Pid: pid, Status: status, StartedAt: startedAt, FinishedAt: finishedAt } = State;
  return { id, pid, status, startedAt, finishedAt };
}

/** The service's one task, and the host of the two that may run it. */
async function whereItRuns(service: string): Promise<{ taskId: string; host: Host; other: Host }> {
  const [task] = await running(service, 1);
  const { ID } = await nodeNamed('h2');
  const [host, other] = task?.NodeID === ID ? [h2, h3] : [h3, h2];
  return { taskId: task?.ID ?? '', host, other };
}

const startedOn = (host: Host, service: string, timeoutMs = 60_000) =>
  until(
    `${service} runs on ${host.name}`,
    async () => {
      const found = await containerOn(host, service);
      return found.status === 'running' ? found : undefined;
    },
    { timeoutMs, everyMs: 200 },
  );

/** The daemons of the testbed's hosts share one clock. */
const isBefore = (a: string, b: string) => expect(Date.parse(a)).toBeLessThan(Date.parse(b));

describe('a service that must run only once', () => {
  it('stops on a host that is cut off, before it starts on another; other services run on', async () => {
    await create(webSpec('one', { ...only, task: notOn(h1) }));
    const { host, other } = await whereItRuns('one');
    const beside = { Placement: { Constraints: [`node.hostname==${host.name}`] } };
    await create(webSpec('other', { task: beside }));
    await running('other', 1);
    await faults.cut(host);
    const next = await startedOn(other, 'one');
    const old = await containerOn(host, 'one');
    expect(old.status).toBe('exited');
    isBefore(old.finishedAt, next.startedAt);
    expect((await containerOn(host, 'other')).status).toBe('running');
    await faults.heal(host);
    await cluster.waitReady();
    const told = await until(
      'the host has said why it stopped',
      async (seen) => {
        const tasks = await tasksOf('one');
        seen(tasks.map(({ Status }) => `${Status.State} ${Status.Message} ${Status.Err}`));
        return tasks.find(({ Status }) => Status.Err?.includes('no contact with the manager'));
      },
      { timeoutMs: 30_000 },
    );
    expect(told.Status.State).toBe('shutdown');
    expect(await running('one', 1)).toHaveLength(1);
    expect(await containerOn(other, 'one')).toEqual(next);
  });

  it('runs on, and nowhere else, while its host answers without an agent; a person decides', async () => {
    await create(webSpec('one', { ...only, task: notOn(h1) }));
    const { taskId, host, other } = await whereItRuns('one');
    const before = await containerOn(host, 'one');
    await faults.killProcess(host, 'agent', { hold: true });
    const node = await until(
      'the node is down',
      async () => {
        const found = await docker.getNode(host.name).inspect();
        return found.Status.State === 'down' ? found : undefined;
      },
      { timeoutMs: 40_000 },
    );
    expect(node.Status.Message).toContain('shoal.isolation=stop are not replaced');
    const waiting = await until(
      'what would replace it is prepared',
      async () => (await tasksOf('one')).find(({ ID, Status }) => ID !== taskId && Status.State === 'ready'),
      { timeoutMs: 30_000 },
    );
    expect((await containerOn(other, 'one')).status).toBe('created');
    const { waitsFor } = await httpJson<{ waitsFor: string }>(
      `${cluster.apiUrl}/shoal/v1/tasks/${waiting.ID}/explain`,
    );
    expect(waitsFor).toMatch(
      new RegExp(`^task ${taskId} to stop; it may run on ${host.name} still, which answers`),
    );
    await faults.resume(host, 'agent');
    await cluster.waitReady();
    await until(
      'the first one goes on',
      async () => (await running('one', 1)).every(({ ID }) => ID === taskId),
      { timeoutMs: 30_000 },
    );
    expect(await containerOn(host, 'one')).toEqual(before);
    expect((await tasksOf('one')).find(({ ID }) => ID === waiting.ID)?.Status.State).not.toBe('running');
  });

  it('is killed by its agent when the Docker daemon is dead, then replaced', async () => {
    await create(webSpec('one', { ...only, task: notOn(h1) }));
    const { host, other } = await whereItRuns('one');
    const { pid } = await containerOn(host, 'one');
    expect(await host.sh(`cat /proc/${pid}/stat`)).not.toBe('');
    await faults.killProcess(host, 'dockerd', { hold: true });
    await startedOn(other, 'one');
    expect(await host.sh(`cat /proc/${pid}/stat 2>/dev/null || echo gone`)).toMatch(/gone|\) Z /);
  });

  it('is stopped by an agent that slept beyond its lease, as soon as it wakes up', async () => {
    await create(webSpec('one', { ...only, task: notOn(h1) }));
    const { taskId, host } = await whereItRuns('one');
    await faults.freeze(host, 'agent');
    await until(
      'the node is down, long after its lease',
      async () => (await docker.getNode(host.name).inspect()).Status.State === 'down',
      { timeoutMs: 40_000 },
    );
    expect((await containerOn(host, 'one')).status).toBe('running');
    await faults.thaw(host, 'agent');
    await until(
      'the task ended for want of contact',
      async (seen) => {
        const task = (await tasksOf('one')).find(({ ID }) => ID === taskId);
        seen(task?.Status);
        return task?.Status.Err?.includes('no contact with the manager');
      },
      { timeoutMs: 30_000 },
    );
    expect(await running('one', 1)).toHaveLength(1);
  });
});
