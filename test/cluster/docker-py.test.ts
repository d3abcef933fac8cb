import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDockerPyImage, tryRun } from '@shoal/testbed';
import { beforeAll, expect, it } from 'vitest';
import { cluster, image } from './shared.ts';

/** What Docker's Python client does, as a program of Python's own unittest. */
const program = readFileSync(join(import.meta.dirname, 'docker-py/cluster_test.py'), 'utf8');
let python = '';
beforeAll(async () => {
  python = await buildDockerPyImage();
}, 300_000);

it.each(['auto', '1.41'])("is of use to Docker's Python client, API version %s", async (version) => {
  const env = {
    DOCKER_HOST: `tcp://127.0.0.1:${cluster.options.apiPort}`,
    IMAGE: image,
    API_VERSION: version,
  };
  const { code, stderr } = await tryRun(
    'docker',
    [
      ...['run', '--rm', '--network', 'host'],
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...[python, 'python3', '-c', program],
    ],
    { timeoutMs: 110_000 },
  );
  // It writes what it tested, and how that failed.
  expect(code === 0 ? '' : stderr).toBe('');
  expect(stderr).toMatch(/^Ran [2-9]\d tests/m);
});
