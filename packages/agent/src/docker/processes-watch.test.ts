import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { statusOf, toTaskStatus } from '../task/status.ts';
import { ProcessesWatch } from './processes-watch.ts';

it('tells whose processes have ended, also where another one has the PID now', async () => {
  const proc = await mkdtemp(join(tmpdir(), 'shoal-proc-'));
  for (const [pid, group] of [
    ['1', '/docker/c1'],
    ['2', '/system.slice/docker-c2.scope'],
    ['3', '/user.slice'],
  ]) {
    await mkdir(join(proc, pid ?? ''));
    await writeFile(join(proc, pid ?? '', 'cgroup'), `4:memory:${group}\n`);
  }
  const running = (n: number) =>
    toTaskStatus(`t${n}`, statusOf('running', { container: { id: `c${n}`, pid: n, exitCode: 0 } }), 1);
  const ended = toTaskStatus('t5', statusOf('failed', { container: { id: 'c5', pid: 0, exitCode: 1 } }), 1);
  const told = new Set<string>();
  const statuses = () => [1, 2, 3, 4].map(running).concat(ended, toTaskStatus('t6', statusOf('ready'), 1));
  const watch = new ProcessesWatch({ proc, statuses, onEnded: (taskId) => told.add(taskId) });
  onTestFinished(async () => {
    watch.end();
    await rm(proc, { recursive: true });
  });
  watch.begin();
  await expect.poll(() => [...told].sort()).toEqual(['t3', 't4']);
});
