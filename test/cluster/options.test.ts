import { expect, it } from 'vitest';
import { missingOptions } from '../../scripts/options.ts';
import { cli, clients, cluster, docker, image } from './shared.ts';

/** What docs/options.md says is refused, with a part of why. */
const refused: readonly [string, RegExp][] = [
  [`service create --detach --credential-spec file://x ${image}`, /CredentialSpec: .*Windows/],
  [`service create --detach --isolation hyperv ${image}`, /Isolation: .*Windows/],
  [`service create --detach --mount type=npipe,source=a,target=/b ${image}`, /Mounts\[0\]\.Type: /],
  ['secret create --driver vault refused', /Driver/],
  ['node update --role manager h2', /Role: a cluster has one manager/],
  ['node promote h2', /Role: a cluster has one manager/],
  ['swarm update --dispatcher-heartbeat 7s', /Dispatcher\.HeartbeatPeriod: can't be changed/],
  ['swarm update --max-snapshots 3', /Raft\.KeepOldSnapshots: can't be changed/],
  ['swarm update --snapshot-interval 7', /Raft\.SnapshotInterval: can't be changed/],
  [
    'swarm update --external-ca protocol=cfssl,url=https://127.0.0.1',
    /CAConfig\.ExternalCAs.*: can't be changed/,
  ],
  ['swarm init', /cluster already/],
  ['swarm join --token SWMTKN-1-x-y 127.0.0.1:2377', /with Shoal installed/],
  ['swarm leave --force', /docker node rm/],
  ['network create --driver overlay --ipam-opt a=b refused', /IPAM\.Options\["a"\]: /],
  ['network create --driver overlay --ipam-driver other refused', /IPAM\.Driver: /],
  ['network create --driver overlay --ipv6 refused', /EnableIPv6: /],
  ['network create --driver overlay --ingress refused', /already present/],
  ['network create --config-only refused', /ConfigOnly: /],
  ['network create --driver macvlan refused', /Driver: .*overlay or bridge/],
  ['network create --driver overlay --scope local refused', /Scope: /],
  ['network connect ingress nobody', /update the service's networks/],
  ['network disconnect --force ingress nobody', /update the service's networks/],
];

/** All that somebody made. */
async function made(): Promise<string[]> {
  const lists = [docker.listServices(), docker.listNetworks(), docker.listSecrets(), docker.listConfigs()];
  return (await Promise.all(lists))
    .flat()
    .map((one) => JSON.stringify(one))
    .sort();
}

it.each(await clients())('docker client $version hears why, and nothing is changed', async ({ path }) => {
  const before = await made();
  for (const [words, why] of refused) {
    const { code, err } = await cli(path, ...words.split(' '));
    expect({ words, failed: code !== 0, err }).toEqual({
      words,
      failed: true,
      err: expect.stringMatching(why),
    });
  }
  expect(await made()).toEqual(before);
});

it("has each option of the newest client among the hosts'", async () => {
  const h3 = cluster.host('h3');
  const missing = await missingOptions((words) => h3.exec(['docker', ...words, '--help']));
  expect(missing).toEqual([]);
});
