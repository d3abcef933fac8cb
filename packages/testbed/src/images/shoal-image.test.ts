import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../machine/index.ts';

/** Of programs that are called otherwise. */
const packageOf: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  modprobe: 'kmod',
  nft: 'nftables',
  ping: 'iputils-ping',
  wg: 'wireguard-tools',
};
/** Of util-linux, mount and coreutils, which every Debian has. */
const everywhere = ['mount', 'nsenter', 'stdbuf', 'umount'];

test("Shoal's image has every program that the agent starts", () => {
  const sources = globSync('packages/agent/src/**/*.ts', { cwd: ROOT }).filter(
    (file) => !/(\.test|\.fixture|\/testing)\.ts$/.test(file),
  );
  const started = new Set(
    sources.flatMap((file) =>
      [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\b(?:run|spawn)\(\s*'([a-z-]+)'/g)].map(
        ([, program = '']) => program,
      ),
    ),
  );
  expect(started).toContain('nft');
  const recipe = readFileSync(join(ROOT, 'deploy/base/image.Dockerfile'), 'utf8').split(/\s+/);
  const missing = [...started].filter(
    (program) => !everywhere.includes(program) && !recipe.includes(packageOf[program] ?? program),
  );
  expect(missing).toEqual([]);
});
