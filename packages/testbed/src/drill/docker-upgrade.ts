import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Host } from '../cluster/index.ts';
import { healAll } from '../faults/index.ts';
import { buildHostImages, type Suite } from '../images/index.ts';
import { http, httpJson, TestbedError, until } from '../machine/index.ts';
import { setAvailability } from './changes.ts';
import type { DrillContext, DrillControls } from './context.ts';
import { containersOn } from './service.ts';
import { allServeOn, isBalanced, isWhole } from './view.ts';

/** Up to the newest Docker, and down to 20.10. */
const suites: readonly Suite[] = ['trixie', 'sid', 'trixie', 'bookworm'];
/** How long requests that are on their way to a host have before it is upgraded. */
const lastRequestsMs = 2_000;
const limitMs = { moved: 120_000, back: 120_000, balanced: 420_000, healthy: 60_000 };

/** Takes minutes and much CPU, so it is done before any requests are sent. */
export async function makeImages(): Promise<void> {
  const had = await buildHostImages(suites, Promise.resolve());
  const missing = suites.filter((suite) => !had.includes(suite));
  if (missing.length > 0) throw new TestbedError(`This drill needs hosts with Debian's ${missing[0]}.`);
}

/** Gives every host one version of Docker after the other; each host is drained first, as an admin would do. */
export async function upgradeAll(
  context: DrillContext,
  cluster: Cluster,
  controls: DrillControls,
): Promise<void> {
  // The manager's own host comes last.
  const hosts = cluster.hosts.toSorted(
    (a, b) => Number(a.name === context.manager) - Number(b.name === context.manager),
  );
  for (const suite of suites) {
    for (const host of hosts) await upgrade(host, suite, context, cluster, controls);
    controls.says('waiting until every host has tasks again, for the doctor to look at');
    const names = hosts.map(({ name }) => name);
    await controls.until(
      'the tasks are spread evenly',
      (view) => isBalanced(view, controls.desired, names),
      limitMs.balanced,
    );
    await allWell(cluster);
    await controls.allAnswer();
  }
}

async function upgrade(
  host: Host,
  suite: Suite,
  context: DrillContext,
  cluster: Cluster,
  controls: DrillControls,
): Promise<void> {
  const { docker } = context;
  const others = cluster.hosts.map(({ name }) => name).filter((name) => name !== host.name);
  await setAvailability(docker, host.name, 'drain');
  await controls.until(
    `all tasks of ${host.name} run elsewhere`,
    (view) => allServeOn(view, controls.desired, others),
    limitMs.moved,
  );
  await until(`no container is left on ${host.name}`, async () => (await containersOn([host])).length === 0, {
    timeoutMs: limitMs.moved,
  });
  // A load balancer in front of the cluster would be told the same.
  controls.leaveOut(host.ip);
  await sleep(lastRequestsMs, undefined, { signal: context.signal });
  const before = await host.dockerVersion();
  await cluster.rehost(host, suite);
  const now = await host.dockerVersion();
  controls.says(`${host.name}: Docker ${before} → ${now}`);
  await until(
    `${host.name} is ready with Docker ${now}`,
    async () => {
      const { Status, Description } = (await docker
        .getNode(host.name)
        .inspect()
        .catch(() => ({}))) as NodeAnswer;
      return Status?.State === 'ready' && Description?.Daemon?.EngineVersion === now;
    },
    { timeoutMs: limitMs.back, everyMs: 250 },
  );
  await setAvailability(docker, host.name, 'active');
  await until(
    `the published port answers on ${host.name}`,
    async () => (await http(`http://${host.ip}:${controls.port}/`)).status === 200,
    { timeoutMs: limitMs.back },
  );
  controls.takeBack(host.ip);
  await controls.until('every slot is served', (view) => isWhole(view, controls.desired), limitMs.back);
}

interface NodeAnswer {
  Status?: { State?: string };
  Description?: { Daemon?: { EngineVersion?: string } };
}

/** On a busy machine the first look may come too early. */
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

/** Gives all hosts back their own Docker; they take tasks again. */
export async function restoreAll({ docker }: DrillContext, cluster: Cluster): Promise<void> {
  for (const host of cluster.hosts) await cluster.rehost(host);
  await healAll(cluster);
  for (const { name } of cluster.hosts)
    await until(`${name} is active`, () => setAvailability(docker, name, 'active').then(() => true), {
      timeoutMs: limitMs.back,
    });
}
