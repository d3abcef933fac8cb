import { join } from 'node:path';
import { ROOT, run, say, step, TestbedError } from '../machine/index.ts';
import { imageExists, type Release } from './base-image.ts';
import { aptContext, build, kindOf, layer, nodeLayer } from './layers.ts';
import { withRelease } from './release.ts';

/** Checkouts that run clusters side by side each name an image of their own. */
export const HOST_IMAGE = process.env.SHOAL_HOST_IMAGE ?? 'shoal/host:local';

/** What hosts can be made of: Debian 12 with Docker 20.10, Debian 13 with 26.1, and that with the packages of sid, 28.5 and later. */
export const SUITES = ['bookworm', 'trixie', 'sid'] as const;
export type Suite = (typeof SUITES)[number];

const releaseOf: Readonly<Record<Suite, Release>> = { bookworm: 'bookworm', trixie: 'trixie', sid: 'trixie' };

const tagOf = (suite: Suite): string => (suite === 'bookworm' ? HOST_IMAGE : `${HOST_IMAGE}-${suite}`);

/** The image of hosts of this suite; bookworm's where that suite could not be had. */
export async function hostImage(suite: Suite): Promise<string> {
  return (await imageExists(tagOf(suite))) ? tagOf(suite) : HOST_IMAGE;
}

/**
 * The images of hosts of these suites and of the registry: minutes the first time, seconds when only our code changed. A suite
 * that can't be had is said, and left out. `bundles`: resolves once our code is there; what stands below it is made meanwhile.
 */
export async function buildHostImages(suites: readonly Suite[], bundles: Promise<unknown>): Promise<Suite[]> {
  const wanted = new Set<Suite>(['bookworm', ...suites]);
  const made = [...wanted].map(async (suite) => {
    const base = await hostLayer(suite).catch((error: unknown) => {
      if (suite === 'bookworm' || !(error instanceof TestbedError)) throw error;
      say(
        `${error.message}\nSo nothing is to be had of Debian's ${suite}: its hosts get bookworm, with Docker 20.10.`,
      );
      return undefined;
    });
    await bundles;
    if (base) await buildHost(tagOf(suite), base);
    return base ? [suite] : [];
  });
  const [all] = await Promise.all([Promise.all(made), bundles]);
  const had = all.flat();
  // One of before has our code of before, and containers may still use it: so it is not removed, its name goes to another.
  for (const suite of wanted)
    if (!had.includes(suite)) await run('docker', ['tag', HOST_IMAGE, tagOf(suite)]);
  return had;
}

/** What runs first on a host. */
export type HostInit = 'supervisor' | 'systemd' | 'openrc';

/** What a host beside a cluster has. */
export interface PlainHost {
  readonly suite: Suite;
  readonly init: HostInit;
  /** With what Ansible needs of it. */
  readonly ssh: boolean;
}

/** The image of such hosts; its name. */
export async function plainHostImage({ suite, init, ssh }: PlainHost): Promise<string> {
  const parts = [...(ssh ? ['ssh'] : []), ...(init === 'supervisor' ? [] : [init])];
  if (parts.length === 0) return hostImage(suite);
  let base = await hostLayer(suite);
  let name = '';
  for (const part of parts) {
    name += `-${part}`;
    base = await layer(kindOf(name.slice(1), suite), base, await aptContext(suite), part);
  }
  const tag = `${tagOf(suite)}${name}`;
  await buildHost(tag, base);
  return tag;
}

async function hostLayer(suite: Suite): Promise<string> {
  const recipe = suite === 'bookworm' ? 'host' : 'newer-host';
  return layer(kindOf('host', suite), await nodeLayer(releaseOf[suite]), await aptContext(suite), recipe);
}

async function buildHost(tag: string, base: string): Promise<void> {
  await step(`building the host image ${tag}`, () =>
    withRelease((release) =>
      build({
        tag,
        dockerfile: 'deploy/host/Dockerfile',
        args: { BASE: base },
        context: { host: { from: join(ROOT, 'deploy/host') }, release: { from: release } },
      }),
    ),
  );
}
