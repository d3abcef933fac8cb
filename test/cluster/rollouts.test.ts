import { type Host, httpJson, Load, type LoadReport, until } from '@shoal/testbed';
import { afterEach, expect, it } from 'vitest';
import { published } from './askers.ts';
import {
  cli,
  clients,
  cluster,
  containersOn,
  create,
  docker,
  image,
  lives,
  removeServices,
  running,
  tasksOf,
  webSpec,
} from './shared.ts';

afterEach(() => removeServices('web', 'broken'));

const port = 18_091;

/** Requests to all hosts in turn, each answer with the version that gave it. */
function load(versions: Set<string>): Load {
  let turn = 0;
  return Load.start({
    target: () => `http://${cluster.hosts[turn++ % 3]?.ip}:${port}/`,
    concurrency: 4,
    ratePerSecond: 100,
    timeoutMs: 5_000,
    maxMs: 120_000,
    onAnswer: (_atMs, body) => versions.add((JSON.parse(body) as { version: string }).version),
  });
}

function noneLost({ ok, failed, failures }: LoadReport): void {
  expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  expect(ok).toBeGreaterThan(200);
}

async function started(labels: Record<string, string>): Promise<void> {
  await create(webSpec('web', { replicas: 3, Labels: labels, ...published(port) }));
  await running('web', 3);
  for (const { ip } of cluster.hosts)
    await until('it answers', () => httpJson(`http://${ip}:${port}/`), { timeoutMs: 10_000 });
}

async function update(version: string, labels: Record<string, string>): Promise<void> {
  const { ID, Version, Spec } = await docker.getService('web').inspect();
  const ContainerSpec = { ...Spec.TaskTemplate.ContainerSpec, Env: [`VERSION=${version}`] };
  const TaskTemplate = { ...Spec.TaskTemplate, ContainerSpec };
  const Labels = { ...Spec.Labels, ...labels };
  await docker.getService(ID).update({ ...Spec, TaskTemplate, Labels, version: Version.Index });
}

const status = async (service: string) => (await docker.getService(service).inspect()).UpdateStatus;

const ended = (service: string, state: string) =>
  until(
    `the update is ${state}`,
    async (seen) => {
      const now = await status(service);
      seen(now);
      return now?.State === state ? now : undefined;
    },
    { timeoutMs: 60_000 },
  );

const say = (host: Host, container: string, path: string) =>
  host.exec([
    'docker',
    'exec',
    container,
    'node',
    '-e',
    `fetch('http://127.0.0.1:8080/${path}', { method: 'POST' }).then((answer) => process.exit(answer.ok ? 0 : 1))`,
  ]);

/** Ids of the service's containers of that version, with their hosts. */
async function ofVersion(version: string): Promise<{ host: Host; id: string }[]> {
  const perHost = await Promise.all(
    cluster.hosts.map(async (host) => {
      const found = await containersOn(host, 'web');
      const infos = await Promise.all(found.map(({ Id }) => host.docker().getContainer(Id).inspect()));
      return infos
        .filter(({ Config }) => Config.Env.includes(`VERSION=${version}`))
        .map(({ Id }) => ({ host, id: Id }));
    }),
  );
  return perHost.flat();
}

const ready = {
  'shoal.ready.http': '8080/health',
  'shoal.ready.interval': '300ms',
  'shoal.ready.failures': '2',
};

it('a task that is not ready gets no traffic and is not stopped; a rolling update waits until tasks are ready, and loses no request', async () => {
  await started(ready);
  const before = await lives('web');
  const versions = new Set<string>();
  const requests = load(versions);
  const [first] = await ofVersion('1');
  if (!first) throw new Error('no replica runs');
  const wrong = async () =>
    (await tasksOf('web')).flatMap(({ Status }) => (Status.State === 'running' ? (Status.Err ?? []) : []));
  await say(first.host, first.id, 'unhealthy');
  await until('one is not ready', async () => (await wrong()).join() === 'task: not ready (HTTP 503)', {
    timeoutMs: 20_000,
  });
  const name = first.id.slice(0, 12);
  await until(
    'it gets no requests',
    async () => {
      const asked = cluster.hosts.flatMap(({ ip }) => Array(6).fill(`http://${ip}:${port}/`) as string[]);
      const answers = await Promise.all(asked.map((url) => httpJson<{ name: string }>(url)));
      return answers.every((answer) => answer.name !== name);
    },
    { timeoutMs: 10_000 },
  );
  await say(first.host, first.id, 'healthy');
  await until('all are ready', async () => (await wrong()).length === 0, { timeoutMs: 20_000 });
  expect(await lives('web')).toEqual(before);

  await update('2', {});
  await ended('web', 'completed');
  noneLost(await requests.stop());
  expect([...versions].sort()).toEqual(['1', '2']);
});

it('an update by canary goes step by step, is taken back for bad answers, and loses no request', async () => {
  const canary = {
    'shoal.strategy': 'canary',
    'shoal.canary.steps': '30%:10s',
    'shoal.canary.check': '8080/health',
    'shoal.canary.max-bad': '20%',
  };
  await started(ready);
  const versions = new Set<string>();
  const requests = load(versions);
  await update('2', canary);
  await until(
    'the first step is under way',
    async () => /canary step 1 of 1: 1 of 3 tasks \(30%\)/.test((await status('web'))?.Message ?? ''),
    { timeoutMs: 20_000 },
  );
  await until('one task has the new version', async () => (await ofVersion('2')).length === 1, {
    timeoutMs: 20_000,
  });
  await ended('web', 'completed');
  expect(await ofVersion('2')).toHaveLength(3);

  await update('3', {});
  const [bad] = await until(
    'one task has the new version',
    async () => {
      const found = await ofVersion('3');
      return found.length === 1 ? found : undefined;
    },
    { timeoutMs: 20_000 },
  );
  if (!bad) throw new Error('no canary runs');
  await until('it runs', async () => (await running('web', 3)).length === 3, { timeoutMs: 20_000 });
  await say(bad.host, bad.id, 'unhealthy');
  const { Message } = await ended('web', 'rollback_completed');
  expect(Message).toMatch(
    /^rollback completed; update rolled back due to task \w+: task: canary check failed \(.*HTTP 503\)$/,
  );
  noneLost(await requests.stop());
  expect(await ofVersion('2')).toHaveLength(3);
  expect(await ofVersion('3')).toEqual([]);
});

it('a first deployment that never works stops, and the docker command says why', async () => {
  const [client] = await clients();
  const command = ['sh', '-c', 'echo starting; echo no database at db:5432; exit 3'];
  const policy = ['--restart-delay', '200ms', '--restart-max-attempts', '2'];
  const { code, out, err } = await cli(
    client?.path ?? 'docker',
    ...['service', 'create', '--detach=false', '--name', 'broken', ...policy, image, ...command],
  );
  expect({ code, said: out + err }).toEqual({
    code: 1,
    said: expect.stringMatching(
      /service update paused: first deployment stopped due to failure or early termination of task \w+: task: non-zero exit \(3\); its last words: starting \| no database at db:5432/,
    ),
  });
});
