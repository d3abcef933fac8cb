import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  bookwormSources,
  commandExists,
  install,
  run,
  say,
  step,
  TestbedError,
  tryRun,
} from '../machine/index.ts';

export const BASE_IMAGE = 'debian:bookworm-slim';

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

/** Makes sure that the base image exists: present, pulled, from our cache, or made with debootstrap. */
export async function ensureBaseImage(): Promise<void> {
  if (await imageExists(BASE_IMAGE)) return;
  // Without a reachable registry a pull hangs in DNS for a good while: bound it.
  say(`looking for ${BASE_IMAGE} …`);
  const pulled = await tryRun('docker', ['pull', '-q', BASE_IMAGE], { timeoutMs: 120_000 });
  if (pulled.code === 0) return;
  const tar = cachedTar();
  if (!existsSync(tar)) await makeTar(tar);
  await step(`importing ${BASE_IMAGE} from ${tar}`, () =>
    run('docker', ['import', '--change', 'CMD ["bash"]', tar, BASE_IMAGE], { timeoutMs: 120_000 }),
  );
}

function cachedTar(): string {
  const folder = process.getuid?.() === 0 ? '/var/cache/shoal' : join(homedir(), '.cache/shoal');
  return join(folder, `debian-bookworm-slim-${process.arch}-${RECIPE}.tar`);
}

async function makeTar(tar: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new TestbedError(
      `${BASE_IMAGE} is neither present nor can it be pulled: please load it into Docker, or run this once as root, which makes it with debootstrap.`,
    );
  }
  if (!(await commandExists('debootstrap'))) await install(`${BASE_IMAGE} can't be pulled`, ['debootstrap']);
  const folder = join(tar, '..');
  mkdirSync(folder, { recursive: true });
  const root = mkdtempSync(join(folder, 'debootstrap-'));
  try {
    const mirror = (await bookwormSources()).find((source) => source.suite === 'bookworm')?.uri;
    await step(`making ${BASE_IMAGE} with debootstrap (once, takes 2 to 3 minutes)`, () =>
      run('debootstrap', ['--variant=minbase', 'bookworm', root, ...(mirror ? [mirror] : [])], {
        timeoutMs: 900_000,
        onLine: progress(),
      }),
    );
    // Emptied, not removed: packages expect the folders.
    for (const out of SLIM_OUT) await run('find', [join(root, out), '-mindepth', '1', '-delete']);
    await run('tar', ['-C', root, '--numeric-owner', '-cf', `${tar}.part`, '.'], { timeoutMs: 120_000 });
    renameSync(`${tar}.part`, tar);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** debootstrap prints a line per package: a sign of life every ten seconds is enough. */
function progress(): (line: string) => void {
  let last = Date.now();
  return (line) => {
    if (Date.now() - last < 10_000) return;
    last = Date.now();
    say(`  ${line.replace(/^I: /, '')}`);
  };
}
