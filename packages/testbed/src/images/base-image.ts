import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { commandExists, install, run, say, sourcesOf, step, TestbedError, tryRun } from '../machine/index.ts';
import { once } from './once.ts';

/** Debian releases that hosts are made of. */
export type Release = 'bookworm' | 'trixie';

/** Docker's own name for it. */
export const baseImage = (release: Release): string => `debian:${release}-slim`;

/** Part of the cached file's name: raise it when the recipe below changes. */
const RECIPE = 1;

/** What a slim image leaves out, as Docker's own debian:*-slim does. */
const SLIM_OUT = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/info',
  'usr/share/lintian',
  'var/cache/apt',
  'var/lib/apt/lists',
  'var/log',
  'dev',
];

export async function imageExists(image: string): Promise<boolean> {
  return (await tryRun('docker', ['image', 'inspect', '--format', '{{.Id}}', image])).code === 0;
}

/** Makes sure that a release's base image exists (present, pulled, from our cache, or made with debootstrap); its name. */
export function ensureBaseImage(release: Release): Promise<string> {
  const image = baseImage(release);
  return once(image, async () => {
    if (await imageExists(image)) return image;
    // Without a reachable registry a pull hangs in DNS for a good while: bound it.
    say(`looking for ${image} …`);
    const pulled = await tryRun('docker', ['pull', '-q', image], { timeoutMs: 120_000 });
    if (pulled.code === 0) return image;
    const tar = cachedTar(release);
    if (!existsSync(tar)) await makeTar(release, tar);
    await step(`importing ${image} from ${tar}`, () =>
      run('docker', ['import', '--change', 'CMD ["bash"]', tar, image], { timeoutMs: 120_000 }),
    );
    return image;
  });
}

function cachedTar(release: Release): string {
  const folder = process.getuid?.() === 0 ? '/var/cache/shoal' : join(homedir(), '.cache/shoal');
  return join(folder, `debian-${release}-slim-${process.arch}-${RECIPE}.tar`);
}

async function makeTar(release: Release, tar: string): Promise<void> {
  const image = baseImage(release);
  if (process.getuid?.() !== 0) {
    throw new TestbedError(
      `${image} is neither present nor can it be pulled: please load it into Docker, or run this once as root, which makes it with debootstrap.`,
    );
  }
  await once('debootstrap', async () => {
    if (!(await commandExists('debootstrap'))) await install(`${image} can't be pulled`, ['debootstrap']);
  });
  const folder = join(tar, '..');
  mkdirSync(folder, { recursive: true });
  const root = mkdtempSync(join(folder, 'debootstrap-'));
  // A name of its own: another checkout may be at the same.
  const part = `${root}.tar`;
  try {
    const mirror = (await sourcesOf(release)).find(({ suite }) => suite === release)?.uri;
    await step(`making ${image} with debootstrap (once, takes 1 to 3 minutes)`, () =>
      run('debootstrap', ['--variant=minbase', release, root, ...(mirror ? [mirror] : [])], {
        timeoutMs: 900_000,
        onLine: progress(release),
      }),
    );
    // Emptied, not removed: packages expect the folders.
    for (const out of SLIM_OUT) await run('find', [join(root, out), '-mindepth', '1', '-delete']);
    await run('tar', ['-C', root, '--numeric-owner', '-cf', part, '.'], { timeoutMs: 120_000 });
    renameSync(part, tar);
  } finally {
    for (const each of [root, part]) rmSync(each, { recursive: true, force: true });
  }
}

/** debootstrap prints a line per package: a sign of life every ten seconds is enough. */
function progress(release: Release): (line: string) => void {
  let last = Date.now();
  return (line) => {
    if (Date.now() - last < 10_000) return;
    last = Date.now();
    say(`  ${release}: ${line.replace(/^I: /, '')}`);
  };
}
