import { Cluster, faults, http, httpJson, testCluster, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

/** The hosts themselves, driven raw: what every other test of this suite relies on. */
const cluster = Cluster.attach(testCluster());
const [h1, h2, h3] = cluster.hosts;
const page = `http://${h3.ip}:18080/`;
const name = 'raw-web';

interface Answer {
  name: string;
  version: string;
}

const answers = () =>
  until('the page answers', () => httpJson<Answer>(page, { timeoutMs: 500 }), { timeoutMs: 20_000 });
const silent = () =>
  http(page, { timeoutMs: 500 }).then(
    () => false,
    () => true,
  );

beforeAll(async () => {
  await faults.healAll(cluster);
  const image = cluster.image('web:1');
  await h3.sh(`docker rm -f ${name} >/dev/null 2>&1 || true
    docker run -d --name ${name} --restart always --memory 100m -p 18080:8080 ${image}`);
});
afterEach(() => faults.healAll(cluster));
afterAll(() => h3.sh(`docker rm -f ${name} >/dev/null 2>&1 || true`));

test('three daemons of their own, reached raw, run images of the registry under their limits', async () => {
  const ids = await Promise.all(cluster.hosts.map(async (host) => (await host.docker().info()).ID));
  expect(new Set(ids).size).toBe(3);
  expect(await answers()).toMatchObject({ version: '1' });
  const [container] = (await h3.containers()).filter((each) => each.Names.includes(`/${name}`));
  const details = await h3
    .docker()
    .getContainer(container?.Id ?? '')
    .inspect();
  expect(details.HostConfig.Memory).toBe(100 * 1024 * 1024);
});

test('power loss: everything on the host dies and comes back', async () => {
  await answers();
  await faults.powerOff(h3);
  expect(await silent()).toBe(true);
  await faults.powerOn(h3);
  await h3.daemonBack();
  expect(await answers()).toMatchObject({ version: '1' });
});

test('a cut host lives on alone, and has the same address after', async () => {
  await answers();
  await faults.cut(h3);
  expect(await silent()).toBe(true);
  expect(await h3.sh('curl -s -m 2 localhost:18080')).toContain('"version":"1"');
  await faults.heal(h3);
  await answers();
  expect(await h1.sh('getent hosts h3')).toContain(h3.ip);
});

test('a paused host stops with all its containers', async () => {
  await answers();
  await faults.pause(h3);
  expect(await silent()).toBe(true);
  await faults.unpause(h3);
  await answers();
});

test('packets are lost one way', async () => {
  const ask = (from: typeof h1) =>
    from.sh(`curl -s -m 1 -o /dev/null http://${h3.ip}:18080/ && echo ok || echo lost`);
  await answers();
  await faults.drop({ from: h2, at: h3 });
  expect([await ask(h1), await ask(h2)].map((line) => line.trim())).toEqual(['ok', 'lost']);
  await faults.healAll(cluster);
  expect((await ask(h2)).trim()).toBe('ok');
});

test('a killed daemon comes back by itself, unless it is held down', async () => {
  const before = await h3.pid('dockerd');
  await faults.killProcess(h3, 'dockerd');
  await h3.daemonBack();
  expect(await h3.pid('dockerd')).not.toBe(before);
  await faults.killProcess(h3, 'dockerd', { hold: true });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(await h3.pid('dockerd')).toBeUndefined();
  await faults.resume(h3, 'dockerd');
  await h3.daemonBack();
  await answers();
});
