import { faults, httpJson, until } from '@shoal/testbed';
import { beforeAll } from 'vitest';
import { cluster, docker } from './shared.ts';

/** Hosts that the file before struck again and again get no new tasks for a while: each file begins when all do. */
beforeAll(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await until(
    'no host rests from going down again and again',
    async (seen) => {
      const rests = (await docker.listNodes()).map(async ({ ID }) => {
        const url = `${cluster.apiUrl}/shoal/v1/nodes/${ID}/liveness`;
        return (await httpJson<{ restMs: number }>(url)).restMs;
      });
      const left = Math.max(...(await Promise.all(rests)));
      seen(`${left} ms left`);
      return left === 0;
    },
    { timeoutMs: 310_000, everyMs: 250 },
  );
}, 400_000);
