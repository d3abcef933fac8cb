import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Host } from '../cluster/index.ts';
import { healAll } from '../faults/index.ts';
import { buildNewerHostImage, HOST_IMAGE, hostImage, NEWER_SUITES } from '../images/index.ts';
import { http, httpJson, until } from '../machine/index.ts';
import { setAvailability } from './changes.ts';
import type { Scene, Stage } from './scene.ts';
import { containersOn } from './service.ts';
import { allServeOn, isBalanced, isWhole } from './view.ts';

/** From bookworm's Docker 20.10 up, and back down. */
const suites = ['trixie', 'sid', 'trixie', 'bookworm'] as const;
/** Requests on their way to a host that is about to go. */
const lastRequestsMs = 2_000;
const limitMs = { moved: 120_000, back: 120_000, balanced: 420_000, healthy: 60_000 };

/** Takes minutes, and the processors: not while requests go on. */
export async function makeImages(): Promise<void> {
  for (const suite of NEWER_SUITES) await buildNewerHostImage(suite);
}

/** Every host gets one Docker after the other, drained meanwhile, as its admin would do it. */
export async function upgradeAll(scene: Scene, cluster: Cluster, stage: Stage): Promise<void> {
  // The manager's own host comes last.
  const hosts = cluster.hosts.toSorted(
    (a, b) => Number(a.name === scene.manager) - Number(b.name === scene.manager),
  );
  for (const suite of suites) {
    for (const host of hosts) await upgrade(host, hostImage(suite), scene, cluster, stage);
    stage.says('waiting until every host has tasks again, for the doctor to look at');
    const names = hosts.map(({ name }) => name);
    await stage.until(
      'the tasks are spread evenly',
      (view) => isBalanced(view, stage.desired, names),
      limitMs.balanced,
    );
    await allWell(cluster);
    await stage.allAnswer();
  }
}

async function upgrade(
  host: Host,
  image: string,
  scene: Scene,
  cluster: Cluster,
  stage: Stage,
): Promise<void> {
  const { docker } = scene;
  const others = cluster.hosts.map(({ name }) => name).filter((name) => name !== host.name);
  await setAvailability(docker, host.name, 'drain');
  await stage.until(
    `all tasks of ${host.name} run elsewhere`,
    (view) => allServeOn(view, stage.desired, others),
    limitMs.moved,
  );
  await until(`no container is left on ${host.name}`, async () => (await containersOn([host])).length === 0, {
    timeoutMs: limitMs.moved,
  });
  // As a balancer in front of the cluster would be told.
  stage.leaveOut(host.ip);
  await sleep(lastRequestsMs, undefined, { signal: scene.signal });
  const before = await versionOf(host);
  await cluster.rehost(host, image);
  const now = await versionOf(host);
  stage.says(`${host.name}: Docker ${before} → ${now}`);
  await until(
    `${host.name} is ready with Docker ${now}`,
    async () => {
      const { Status, Description } = (await docker
        .getNode(host.name)
        .inspect()
        .catch(() => ({}))) as NodeAnswer;
      return Status?.State === 'ready' && Description?.Engine?.EngineVersion === now;
    },
    { timeoutMs: limitMs.back, everyMs: 250 },
  );
  await setAvailability(docker, host.name, 'active');
  await until(
    `the published port answers on ${host.name}`,
    async () => (await http(`http://${host.ip}:${stage.port}/`)).status === 200,
    { timeoutMs: limitMs.back },
  );
  stage.takeBack(host.ip);
  await stage.until('every place is served', (view) => isWhole(view, stage.desired), limitMs.back);
}

interface NodeAnswer {
  Status?: { State?: string };
  Description?: { Engine?: { EngineVersion?: string } };
}

const versionOf = async (host: Host): Promise<string> => (await host.docker().version()).Version;

/** A busy machine may need a second look. */
async function allWell({ apiUrl }: Cluster): Promise<void> {
  await until(
    'the doctor finds all networks well',
    async (seen) => {
      const { healthy, checks } = await httpJson<{
        healthy: boolean;
        checks: { ok: boolean; says: string }[];
      }>(`${apiUrl}/shoal/v1/doctor/networks`, { timeoutMs: 15_000 });
      seen(checks.filter(({ ok }) => !ok).map(({ says }) => says));
      return healthy;
    },
    { timeoutMs: limitMs.healthy },
  );
}

/** All hosts have the Docker that they had, and take tasks. */
export async function restoreAll({ docker }: Scene, cluster: Cluster): Promise<void> {
  for (const host of cluster.hosts) await cluster.rehost(host, HOST_IMAGE);
  await healAll(cluster);
  for (const { name } of cluster.hosts)
    await until(`${name} is active`, () => setAvailability(docker, name, 'active').then(() => true), {
      timeoutMs: limitMs.back,
    });
}
