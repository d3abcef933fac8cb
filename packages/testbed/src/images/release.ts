import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releaseName, writeRelease } from '../../../../scripts/archive.ts';
import { ROOT } from '../machine/index.ts';
import { aptContext, build, layer, nodeLayer, SHOAL } from './layers.ts';

/** The image for hosts on which nothing may be installed, of the bundles in dist/; its name. */
export async function buildShoalImage(): Promise<string> {
  const name = releaseName();
  const tag = `${SHOAL}:${name}`;
  const base = await layer('image', await nodeLayer('bookworm'), await aptContext('bookworm'));
  await withRelease((release) =>
    build({
      tag,
      dockerfile: 'deploy/image/Dockerfile',
      args: { BASE: base, RELEASE: name },
      context: {
        'container.sh': { from: join(ROOT, 'deploy/image/container.sh') },
        release: { from: release },
      },
    }),
  );
  return tag;
}

/** Gives the folder of a release without Node, for as long as the work lasts. */
export async function withRelease(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-release-'));
  try {
    writeRelease(folder, process.arch);
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
